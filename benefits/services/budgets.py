"""Budgets: taken slot by slot, so that many take from one without waiting for one another.

Nobody waits for a slot while he holds one: the quick way skips what is locked; the thorough way
lets go of what the quick one took, then locks every slot of what it wants, in order.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from benefits.models import BudgetSlot, Definition
from config import pipeline
from config.pipeline import Statement


class Want(NamedTuple):
    """What is to be taken of a definition's budget: minor units, and uses."""

    minor: int
    uses: int


class Taken(NamedTuple):
    """The slot of each definition that gave what was wanted, and those that had it no more.

    ``then``: goes ahead of what the caller writes next, and ends what the taking began.
    """

    slots: dict[int, int]
    exhausted: frozenset[int]
    then: Sequence[Statement] = ()


class _Exhausted(Exception):
    """Some definitions have not what is wanted; the savepoint lets go of all slots."""

    def __init__(self, definitions: frozenset[int]) -> None:
        super().__init__()
        self.definitions = definitions


def is_limited(*, definition: Definition) -> bool:
    """Return whether a definition has a budget, in money or in uses."""
    return definition.budget_minor is not None or definition.uses_in_all is not None


def take(*, wants: Mapping[int, Want]) -> Taken:
    """Take what is wanted, by definition, in the running transaction; all of it or none.

    Only of definitions that have slots. Where one is exhausted, nothing is taken of any, nor kept
    locked: the caller wants less and asks again.
    """
    if not wants:
        return Taken({}, frozenset())
    slots = _at_once(wants)
    if slots is not None:
        return Taken(slots, frozenset(), [_LET_BE])
    try:
        with transaction.atomic():
            return Taken(_thoroughly(wants), frozenset())
    except _Exhausted as spent:
        return Taken({}, spent.definitions)


def give_back(*, taken: Iterable[tuple[int, Want]]) -> None:
    """Give back to slots, by id, what was taken of them; they are locked in the order of all."""
    backs: dict[int, Want] = {}
    for slot_id, want in taken:
        so_far = backs.get(slot_id, Want(0, 0))
        backs[slot_id] = Want(so_far.minor + want.minor, so_far.uses + want.uses)
    if not backs:
        return
    slots = list(_locked(BudgetSlot.objects.filter(pk__in=backs)))
    for slot in slots:
        slot.taken_minor -= backs[slot.pk].minor
        slot.taken_uses -= backs[slot.pk].uses
    BudgetSlot.objects.bulk_update(slots, ["taken_minor", "taken_uses"])


def _locked(slots: QuerySet[BudgetSlot]) -> QuerySet[BudgetSlot]:
    return slots.order_by("definition", "pk").select_for_update(no_key=True)


def _at_once(wants: Mapping[int, Want]) -> dict[int, int] | None:
    """Take a slot of each that is free; None where some is locked or too small by itself.

    The savepoint lets go of the others then. It is asked for along with the slots, and ended along
    with what comes next: who takes budgets waits once.
    """
    ids = sorted(wants)
    minors, uses = ([wants[each][part] for each in ids] for part in (0, 1))
    _begun, taken = pipeline.run(_BEFORE, Statement(_TAKE_FREE, [ids, minors, uses]))
    slots = {int(definition): int(slot) for definition, slot in taken.rows}
    if len(slots) == len(ids):
        return slots
    pipeline.run(_LET_GO, _LET_BE)
    return None


def _thoroughly(wants: Mapping[int, Want]) -> dict[int, int]:
    slots: dict[int, list[BudgetSlot]] = {}
    for slot in _locked(BudgetSlot.objects.filter(definition__in=wants)):
        slots.setdefault(slot.definition_id, []).append(slot)
    exhausted = frozenset(each for each, want in wants.items() if not _holds(slots[each], want))
    if exhausted:
        raise _Exhausted(exhausted)
    return {each: _gathered(slots[each], want) for each, want in wants.items()}


def _holds(slots: list[BudgetSlot], want: Want) -> bool:
    return all(
        _free(slots, name) is None or (_free(slots, name) or 0) >= wanted
        for name, wanted in zip(("minor", "uses"), want, strict=True)
    )


def _free(slots: list[BudgetSlot], name: str) -> int | None:
    frees = [_free_of(slot, name) for slot in slots]
    return None if None in frees else sum(free or 0 for free in frees)


def _free_of(slot: BudgetSlot, name: str) -> int | None:
    size: int | None = getattr(slot, f"size_{name}")
    taken: int = getattr(slot, f"taken_{name}")
    return None if size is None else size - taken


def _gathered(slots: list[BudgetSlot], want: Want) -> int:
    """Take ``want`` of the first slot; what it lacks the others pass on to it."""
    first, *others = slots
    for name, wanted in zip(("minor", "uses"), want, strict=True):
        for other in others:
            lacking = wanted - (_free_of(first, name) or 0)
            if _free_of(first, name) is None or lacking <= 0:
                break
            passed = min(lacking, _free_of(other, name) or 0)
            setattr(other, f"size_{name}", getattr(other, f"size_{name}") - passed)
            setattr(first, f"size_{name}", getattr(first, f"size_{name}") + passed)
        setattr(first, f"taken_{name}", getattr(first, f"taken_{name}") + wanted)
    BudgetSlot.objects.bulk_update(slots, _COUNTS)
    return first.pk


_BEFORE: Final = Statement("SAVEPOINT before_slots")
_LET_GO: Final = Statement("ROLLBACK TO SAVEPOINT before_slots")
_LET_BE: Final = Statement("RELEASE SAVEPOINT before_slots")
_COUNTS: Final = ["size_minor", "taken_minor", "size_uses", "taken_uses"]

_TAKE_FREE: Final = """
WITH wanted AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS w (definition, minor, uses)
), free AS (
    SELECT w.*, s.id FROM wanted w CROSS JOIN LATERAL (
        SELECT id FROM benefits_budgetslot
         WHERE definition_id = w.definition
           AND (size_minor IS NULL OR size_minor - taken_minor >= w.minor)
           AND (size_uses IS NULL OR size_uses - taken_uses >= w.uses)
         ORDER BY id FOR NO KEY UPDATE SKIP LOCKED LIMIT 1
    ) s
)
UPDATE benefits_budgetslot b
   SET taken_minor = b.taken_minor + free.minor, taken_uses = b.taken_uses + free.uses
  FROM free WHERE b.id = free.id RETURNING b.definition_id, b.id
"""
