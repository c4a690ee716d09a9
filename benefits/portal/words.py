"""Benefits in the desk's words: states with tone, kinds, and why a benefit takes what it takes."""

from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefits.models import Definition, Holding, Lock
from benefits.rules.conditions import Reason
from benefits.rules.quote import Ground, Why
from benefits.rules.vocabulary import Kind
from config.money import Money


class Look(NamedTuple):
    """A state as a pill shows it: tone of the design and word."""

    tone: str
    word: str | Promise


_State = Definition.State
CAMPAIGN_LOOKS: Final = {
    _State.DRAFT: Look("neutral", gettext_lazy("Draft")),
    _State.PUBLISHED: Look("ok", gettext_lazy("Out")),
    _State.PAUSED: Look("warn", gettext_lazy("Paused")),
    _State.ENDED: Look("neutral", gettext_lazy("Ended")),
}
HOLDING_LOOKS: Final = {
    Holding.State.ACTIVE: Look("ok", gettext_lazy("Held")),
    Holding.State.USED: Look("neutral", gettext_lazy("Used")),
    Holding.State.EXPIRED: Look("neutral", gettext_lazy("Expired")),
    Holding.State.WITHDRAWN: Look("bad", gettext_lazy("Withdrawn")),
}
LINE_LOOKS: Final = {
    Lock.State.HELD: Look("info", gettext_lazy("At the till")),
    Lock.State.COMMITTED: Look("ok", gettext_lazy("Redeemed")),
    Lock.State.RELEASED: Look("neutral", gettext_lazy("Given back")),
}
KINDS: Final = {
    Kind.COUPON_ITEM: gettext_lazy("Coupon for articles"),
    Kind.COUPON_PERCENT: gettext_lazy("Percentage coupon"),
    Kind.COUPON_FIXED: gettext_lazy("Coupon of an amount"),
    Kind.GRADE: gettext_lazy("Membership grade"),
    Kind.CARD_DISCOUNT: gettext_lazy("Card discount"),
    Kind.STAMP: gettext_lazy("Stamp reward"),
    Kind.POINTS: gettext_lazy("Points"),
    Kind.GIFT_CARD: gettext_lazy("Gift card"),
    Kind.CASH_RECEIPT: gettext_lazy("Cash receipt"),
}
TENDERS: Final = {
    "CASH": gettext_lazy("cash"),
    "CARD": gettext_lazy("card"),
    "PSN": gettext_lazy("phone"),
    "NONE": gettext_lazy("nothing left to pay"),
}

_SKIPPED: Final = {
    Reason.CURRENCY_MISMATCH: gettext_lazy("it is in another currency"),
    Reason.NOT_STARTED: gettext_lazy("it has not begun"),
    Reason.EXPIRED: gettext_lazy("it is over"),
    Reason.OTHER_MERCHANT: gettext_lazy("it does not count at this merchant"),
    Reason.OTHER_STORE: gettext_lazy("it does not count in this store"),
    Reason.NO_ITEM: gettext_lazy("none of its articles is in the basket"),
    Reason.USED_UP: gettext_lazy("the customer has used it up"),
    Reason.SOLD_OUT: gettext_lazy("its quantity or its budget is spent"),
    Reason.CARD_MISMATCH: gettext_lazy("another card pays"),
    Reason.CARD_REQUIRED: gettext_lazy("it waits for a payment with its card"),
    Reason.NOTHING_LEFT: gettext_lazy("nothing was left for it"),
    Reason.ROUNDS_TO_ZERO: gettext_lazy("its share comes to less than the smallest unit"),
    Reason.BETTER_WITHOUT: gettext_lazy("the customer pays less without it"),
    Reason.RECEIPT_ATTACHED: gettext_lazy("another one is attached"),
}
_GROUNDS: Final = {
    Ground.CAPPED: gettext_lazy("up to its most"),
    Ground.CUT_TO_NEED: gettext_lazy("cut to what was left"),
    Ground.SPENT: gettext_lazy("all there is on it"),
}


def percent(bps: int) -> str:
    """Return hundredths of a percent as people read them: 250 is 2.5 %."""
    return f"{bps / 100:.2f}".rstrip("0").rstrip(".") + " %"


def why_skipped(*, why: Why, currency: str, names: dict[str, str]) -> str:
    """Return why a benefit takes nothing, as the end of a sentence; ``names``: of benefits."""
    facts = why.facts
    if why.code in {Reason.STACK_GROUP, Reason.EXCLUDED}:
        other = names.get(str(facts["with"]), "")
        return _("it does not go together with “%(other)s”") % {"other": other}
    if why.code == Reason.BELOW_MINIMUM:
        least = Money(int(facts["min_purchase_minor"]), currency)
        return _("less than %(least)s is left") % {"least": least}
    if why.code == Reason.BELOW_LEAST:
        least = Money(int(facts["least_minor"]), currency)
        return _("fewer than %(least)s cannot be spent") % {"least": least}
    return str(_SKIPPED[Reason(why.code)])


def why_taken(*, why: Why) -> str:
    """Return what a line's amount comes from, where the sentence of the benefit does not say it."""
    return str(_GROUNDS.get(Ground(why.code), ""))


def masked(name: str) -> str:
    """Return a person's name as support may read it out for a check: K•• M•••••."""
    return " ".join(f"{word[0]}{'•' * (len(word) - 1)}" for word in name.split())
