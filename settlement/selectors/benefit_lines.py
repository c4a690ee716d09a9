"""What benefits paid of a purchase, line by line, as tills and phones are told (protocol §6)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from benefits.models import CostShare, Lock
from benefits.selectors import redemptions
from benefits.services.restoring import BackLine


def of(*, documents: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of payments and checkouts by their references; none, no key.

    ``amount`` in minor units; ``sponsor``: who bears most of it; ``why``: a stable code, with the
    figures of ``facts``. Two queries.
    """
    found = redemptions.lines_of(documents=documents)
    names = _sponsors({line.holding.definition_id for lines in found.values() for line in lines})
    return {document: told(lines=lines, payers=names) for document, lines in found.items()}


def of_one(*, document: str) -> list[dict[str, Any]]:
    """Return the lines of one payment or checkout."""
    return of(documents=[document]).get(document, [])


def told(*, lines: Iterable[Lock], payers: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return lines that are at hand; ``payers``: who bears most of each definition, by its key."""
    return [_told(line, payers) for line in lines]


def of_refund(*, lines: Sequence[BackLine]) -> list[dict[str, Any]]:
    """Return what a refund brought back of benefits, by line."""
    return [
        {
            "benefit": line.holding,
            "kind": line.kind.value,
            "amount": line.amount_minor,
            "use_restored": line.use,
        }
        for line in lines
    ]


def _told(line: Lock, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "benefit": line.holding.reference,
        "kind": line.holding.kind,
        "sponsor": names[line.holding.definition_id],
        "amount": line.amount_minor,
        "why": line.why["code"],
        "facts": line.why["facts"],
    }


def _sponsors(definitions: Collection[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    if definitions:
        shares = CostShare.objects.filter(definition__in=definitions).select_related("sponsor")
        for share in shares.order_by("bps", "-pk"):
            names[share.definition_id] = share.sponsor.name
    return names
