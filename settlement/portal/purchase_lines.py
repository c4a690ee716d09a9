"""What benefits pay of a purchase, line by line, as tills show it."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from benefits.models import Lock
from benefits.portal import words
from benefits.rules.conditions import Reason
from benefits.rules.quote import Ground, Why
from benefits.rules.vocabulary import Kind
from benefits.selectors import names, redemptions
from settlement.models import Checkout


class Line(NamedTuple):
    """A benefit that pays ``amount_minor``; ``why``: what its amount comes from, where that is not
    plain."""

    name: str
    kind: str | Promise
    amount_minor: int
    why: str


class Skip(NamedTuple):
    """A benefit of the plan that takes nothing, and why, as the end of a sentence."""

    name: str
    why: str


def rest_word(*, tender: str) -> str:
    """Return what stands before the rest: how it was paid, or that it is left to pay."""
    if tender in {"", Checkout.Tender.NONE}:
        return _("Left to pay")
    return _("Paid, %(tender)s") % {"tender": words.TENDERS[tender]}


def of(*, document: str) -> list[Line]:
    """Return the lines of a payment or checkout that were not given back; one query."""
    found = redemptions.lines_of(documents=[document]).get(document, [])
    return [_line(each) for each in found]


def skips_of(*, checkout: Checkout) -> list[Skip]:
    """Return what of the plan takes nothing at this checkout; one query at most."""
    told = checkout.skipped
    called = names.of_holdings(references=_mentioned(checkout))
    return [
        Skip(
            called.get(each["benefit"], each["benefit"]),
            _why_skipped(each["why"], each["facts"], checkout.currency, called),
        )
        for each in told
    ]


def by_phone(rest_minor: int) -> str:
    """Return how a phone paid what its plan left, in minor units."""
    return Checkout.Tender.PSN if rest_minor else Checkout.Tender.NONE


def _line(lock: Lock) -> Line:
    code = lock.why["code"]
    why = words.why_taken(why=Why(Ground(code), lock.why["facts"])) if code in set(Ground) else ""
    definition = lock.holding.definition
    return Line(definition.name, words.KINDS[Kind(definition.kind)], lock.amount_minor, why)


def _mentioned(checkout: Checkout) -> set[str]:
    others = {str(each["facts"]["with"]) for each in checkout.skipped if "with" in each["facts"]}
    return others | {each["benefit"] for each in checkout.skipped}


def _why_skipped(
    code: str, facts: dict[str, int | str], currency: str, called: dict[str, str]
) -> str:
    if code in set(Reason):
        return words.why_skipped(why=Why(Reason(code), facts), currency=currency, names=called)
    lost = {
        "benefit_taken": _("it was used meanwhile"),
        "benefit_stopped": _("its sponsor stopped it"),
        "budget_spent": _("its budget is spent"),
    }
    return lost.get(code, code)
