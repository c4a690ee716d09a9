"""Guarded states: a row moves only along its table of transitions, here and in the database."""

from typing import Any, ClassVar, Final, Self

import pgtrigger
from django.db import models

from config.refusals import Refused


class InvalidTransition(Refused):
    code = "invalid_transition"
    status = 409
    title = "The state does not allow this"


class Stateful(models.Model):
    """A row with a ``state`` that only :meth:`transition` moves."""

    TRANSITIONS: ClassVar[dict[str, frozenset[str]]] = {}

    state: Any

    class Meta:
        abstract = True

    def transition(self, to: str, **changes: Any) -> Self:
        """Move to ``to`` and write ``changes`` in one UPDATE guarded by the state that was read.

        :raises InvalidTransition: the table has no such edge, or another worker moved the row first
        """
        if to not in self.TRANSITIONS.get(self.state, frozenset()):
            raise InvalidTransition(f"{self} is {self.state} and cannot become {to}.")
        row = type(self)._default_manager.filter(  # noqa: SLF001
            pk=self.pk, state=self.state
        )
        if row.update(state=to, **changes) != 1:
            raise InvalidTransition(f"{self} is no longer {self.state}.")
        self.state = to
        for name, value in changes.items():
            setattr(self, name, value)
        return self


# TRUNCATE fires no row trigger: a table whose rows stay needs this one too. On the partitions of
# such a table `config.partitions` repeats it.
NO_TRUNCATE: Final = pgtrigger.Trigger(
    name="no_truncate",
    level=pgtrigger.Statement,
    when=pgtrigger.Before,
    operation=pgtrigger.Truncate,
    func="""
        RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    """,
)


class Kept(pgtrigger.Protect):
    """Refuses row by row, and with it TRUNCATE of the whole table: registers both triggers."""

    def register(self, *models: Any) -> Any:
        """Register this trigger and :data:`NO_TRUNCATE` with ``models``."""
        NO_TRUNCATE.register(*models)
        return super().register(*models)


def guarded[Model: type[Stateful]](model: Model) -> Model:
    """Hold ``TRANSITIONS`` of ``model`` in the database too: a class decorator."""
    edges = " OR ".join(
        f"(OLD.state = '{old}' AND NEW.state = '{new}')"
        for old, news in sorted(model.TRANSITIONS.items())
        for new in sorted(news)
    )
    trigger = pgtrigger.Trigger(
        name="state_guard",
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf("state"),
        condition=pgtrigger.Q(old__state__df=pgtrigger.F("new__state")),
        func=f"""
            IF {edges or "FALSE"} THEN RETURN NEW; END IF;
            RAISE EXCEPTION 'transition from % to % is not allowed on %',
                OLD.state, NEW.state, TG_TABLE_NAME
                USING ERRCODE = 'check_violation';
        """,
    )
    pgtrigger.register(trigger, NO_TRUNCATE)(model)
    return model


def fixed(*fields: str) -> pgtrigger.Trigger:
    """Return the trigger that refuses an UPDATE of any of ``fields``: facts of the row's birth."""
    return pgtrigger.ReadOnly(name="fixed_facts", fields=list(fields))


def append_only(*, name: str = "append_only") -> pgtrigger.Trigger:
    """Return the trigger that refuses UPDATE and DELETE of any row, and TRUNCATE."""
    return Kept(name=name, operation=pgtrigger.Update | pgtrigger.Delete)


def never_deleted() -> pgtrigger.Trigger:
    """Return the trigger that refuses DELETE of any row, and TRUNCATE."""
    return Kept(name="no_delete", operation=pgtrigger.Delete)
