"""What time ends, one by one: what cannot be ended is told of, and holds up none of the others.

It is left out of the next sweeps and tried again by :func:`try_again`, until it is done.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Exists, OuterRef

from config.models import Alert

logger = logging.getLogger(__name__)


def attempt[T](act: Callable[[], T], *, called: str, broken: Callable[[], None]) -> T | None:
    """
    Return what ``act`` says; None where it could not be done, so that what follows still is.

    ``called``: what the log calls it. ``broken`` follows a fault that another try would meet again,
    not a deadlock or a lock held too long.

    :raises OperationalError, InterfaceError: the database is away
    """
    try:
        return act()
    except SoftTimeLimitExceeded:
        raise  # the task's time is up, whatever is in hand
    except (OperationalError, InterfaceError) as lost:
        if not connection.is_usable():
            raise
        logger.warning("%s: one waits: %s", called, type(lost).__name__)
    except Exception:  # whatever it is, the others are to be done: ``broken`` tells of this one
        logger.exception("%s", called)
        broken()
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One kind of thing that time ends.

    ``kind``: of the alert about one that cannot be ended; ``told``: its words. ``end`` ends the one
    of a name in a transaction of its own and returns whether there was anything to do. ``tenant``:
    whose it is.
    """

    kind: str
    told: str
    end: Callable[[str, datetime], bool]
    tenant: Callable[[str], str]

    def stuck(self, name: str) -> Exists:
        """Return the condition that the one named by the column ``name`` could not be ended."""
        return Exists(Alert.objects.filter(kind=self.kind, subject=OuterRef(name), cleared_at=None))

    def run(self, *, names: Sequence[str], at: datetime) -> int:
        """Try to end each of ``names``; return how many there was anything to do about.

        :raises OperationalError, InterfaceError: the database is away
        """
        return sum(self._ended(name, at) is True for name in names)

    def run_together(
        self,
        *,
        names: Sequence[str],
        at: datetime,
        end: Callable[[Sequence[str], datetime], int | None],
    ) -> int:
        """Try to end all of ``names`` by one ``end``, and each by itself where that is not done;
        return how many there was anything to do about.

        ``end``: ends all of them in one transaction, or none; None where each must go by itself.

        :raises OperationalError, InterfaceError: the database is away
        """
        done = attempt(lambda: end(names, at), called=self.kind, broken=lambda: None)
        return self.run(names=names, at=at) if done is None else done

    def try_again(self, *, at: datetime, limit: int) -> int:
        """Try up to ``limit`` of those that could not be ended, whichever; return how many no
        longer stand in the way."""
        names = Alert.objects.filter(kind=self.kind, cleared_at=None).order_by("?")
        done = 0
        for name in names.values_list("subject", flat=True)[:limit]:
            if self._ended(name, at) is not None:
                alert = Alert.objects.filter(kind=self.kind, subject=name, cleared_at=None)
                done += alert.update(cleared_at=at)
        return done

    def _ended(self, name: str, at: datetime) -> bool | None:
        """Return whether there was anything to do; None where it could not be done."""
        return attempt(
            lambda: self.end(name, at),
            called=self.kind,  # without its name: no log holds a T-ID
            broken=lambda: self._alert(name, at),
        )

    def _alert(self, name: str, at: datetime) -> None:
        Alert.objects.get_or_create(
            kind=self.kind,
            subject=name,
            cleared_at=None,
            defaults={
                "tenant": self.tenant(name),
                "detail": self.told.format(name=name),
                "raised_at": at,
            },
        )
