"""An earning rule read back as sentences, and what it gives of one payment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from benefits.models import Definition
from benefits.portal import sentences, words
from benefits.portal.words import Look
from benefits.rules.earning import Earns
from benefits.rules.vocabulary import Kind
from benefits.selectors.earning_rules import Phase
from benefits.services.earning_rules import EarningTerms
from config.money import Money

LOOKS: Final = {
    Phase.WAITS: Look("info", gettext_lazy("Begins later")),
    Phase.RUNS: Look("ok", gettext_lazy("Runs")),
    Phase.ENDED: Look("neutral", gettext_lazy("Ended")),
}


def of(
    *,
    terms: EarningTerms,
    gives: Definition,
    payers: Sequence[tuple[str, int]],
    zone: str,
    at: datetime,
) -> list[str]:
    """Return what a rule says, one sentence each; ``at``: when one begins that begins at once."""
    told = [
        earning(earns=terms.earns, gives=gives),
        _least(terms.earns, gives.currency),
        _("What is paid with money or a gift card counts; discounts and points earn nothing."),
        _lives(terms, gives),
        f"{sentences.span(starts_at=terms.starts_at or at, ends_at=terms.ends_at, zone=zone)}.",
        sentences.paid_by(payers),
        _given_back(terms.earns),
    ]
    return [sentence for sentence in told if sentence]


def earning(*, earns: Earns, gives: Definition) -> str:
    """Return what a payment earns, as one sentence: the one that lists show."""
    if earns.points_bps is not None:
        return _("Each payment earns %(share)s of it as “%(points)s”, rounded down.") % {
            "share": words.percent(earns.points_bps),
            "points": gives.name,
        }
    told = ngettext(
        "Each payment brings a stamp, and each stamp “%(reward)s”.",
        "Each payment brings a stamp; %(n)s of them bring “%(reward)s”, and a new card begins.",
        earns.stamps_needed or 1,
    )
    return told % {"n": earns.stamps_needed, "reward": gives.name}


def tried(*, earns: Earns, gives: Definition, paid_minor: int) -> str:
    """Return what a payment of ``paid_minor`` earns, as one sentence."""
    paid = Money(paid_minor, gives.currency)
    amount = earns.amount_of(paid_minor)
    if not amount:
        return _("A payment of %(paid)s earns nothing.") % {"paid": paid}
    if earns.points_bps is None:
        return _("A payment of %(paid)s earns one stamp.") % {"paid": paid}
    return _("A payment of %(paid)s earns points worth %(points)s.") % {
        "paid": paid,
        "points": Money(amount, gives.currency),
    }


def _least(earns: Earns, currency: str) -> str:
    if not earns.min_purchase_minor:
        return ""
    least = Money(earns.min_purchase_minor, currency)
    return _("Only from a payment of %(least)s on.") % {"least": least}


def _lives(terms: EarningTerms, gives: Definition) -> str:
    if gives.kind == Kind.GRADE:
        return _("The grade counts once, however often it is earned.")
    if terms.earns.points_bps is None or terms.lot_days is None:
        return ""
    return _("The points of a payment live for %(days)s.") % {
        "days": sentences.days_of(terms.lot_days)
    }


def _given_back(earns: Earns) -> str:
    if earns.points_bps is not None:
        return _("A refund takes back its part of the points, as far as they are there.")
    return _("A full refund takes the stamp back, or the reward if nobody has used it.")
