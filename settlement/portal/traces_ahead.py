"""The steps of what was approved beforehand in words (``settlement.selectors.trace_ahead``)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settlement.portal import words
from settlement.portal.told import Told
from settlement.selectors.trace_ahead import AheadStep

type _Facts = Mapping[str, Any]

KINDS: Final[Mapping[str, str | Promise]] = {
    "CASH": gettext_lazy("Cash"),
    "GIFT": gettext_lazy("Gift certificate"),
    "LOTTERY": gettext_lazy("Lottery ticket"),
}
OUTCOMES: Final[Mapping[str, tuple[str, str | Promise]]] = {
    "FULL": ("ok", gettext_lazy("The machine paid out all of it")),
    "PARTIAL": ("ok", gettext_lazy("The machine paid out a part")),
    "NONE": ("warn", gettext_lazy("The machine paid out nothing")),
    "UNKNOWN": ("bad", gettext_lazy("Nobody knows what the machine paid out")),
}


def _kind(facts: _Facts) -> str | Promise:
    return KINDS.get(str(facts["kind"]), str(facts["kind"]))


def _approved_ahead(facts: _Facts, currency: str) -> Told:
    what = _("%(kind)s of %(amount)s approved beforehand") % {
        "kind": _kind(facts),
        "amount": words.amount(facts["amount_minor"], currency),
    }
    return Told("info", what, facts["phone"], facts["preapproval"])


def _set_aside(facts: _Facts, currency: str) -> Told:
    what = _("%s set aside on the account") % words.amount(facts["amount_minor"], currency)
    return Told("info", what, _("account"))


def _captured(facts: _Facts, currency: str) -> Told:
    what = _("%(taken)s of %(held)s taken, the rest is free again") % {
        "taken": words.amount(facts["taken_minor"], currency),
        "held": words.amount(facts["amount_minor"], currency),
    }
    return Told("ok", what, _("account"))


def _wrong_try(facts: _Facts, _currency: str) -> Told:
    return Told("warn", _("The number was refused"), facts["machine"], facts["reason"])


def _number_taken(facts: _Facts, currency: str) -> Told:
    what = _("The machine took the customer's number for %s")
    amount = words.amount(facts["amount_minor"], currency)
    return Told("info", what % amount, facts["machine"], facts["redemption"])


def _suspended(facts: _Facts, _currency: str) -> Told:
    return Told("bad", _("Waits for the desk: nobody knows what was paid out"), facts["machine"])


def _resolved(facts: _Facts, currency: str) -> Told:
    what = _("The desk decided: %s paid out")
    amount = words.amount(facts["dispensed_minor"], currency)
    return Told("ok", what % amount, _("desk"), facts["resolution"])


def _paid_out(facts: _Facts, currency: str) -> Told:
    unknown = ("neutral", str(facts["outcome"]))
    tone, what = OUTCOMES.get(str(facts["outcome"]), unknown)
    parts = [words.amount(facts["dispensed_minor"], currency)] if facts["dispensed_minor"] else []
    parts += [facts["item_serial"]] if facts["item_serial"] else []
    return Told(tone, what, facts["machine"], ", ".join(parts))


TELLERS: Final[dict[str, Callable[[_Facts, str], Told]]] = {
    AheadStep.APPROVED_AHEAD: _approved_ahead,
    AheadStep.SET_ASIDE: _set_aside,
    AheadStep.CAPTURED: _captured,
    AheadStep.WRONG_TRY: _wrong_try,
    AheadStep.NUMBER_TAKEN: _number_taken,
    AheadStep.SUSPENDED: _suspended,
    AheadStep.RESOLVED: _resolved,
    AheadStep.PAID_OUT: _paid_out,
}
