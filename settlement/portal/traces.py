"""The steps beside a payment's own records in words (``settlement.selectors.trace``)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settlement.models import Payment
from settlement.portal import deliveries, trace_words, traces_ahead, traces_repeats, words
from settlement.portal.told import Told
from settlement.selectors.trace import Step
from settlement.selectors.trace_benefits import BenefitStep
from settlement.selectors.trace_repeats import REPEATED
from settlement.selectors.traced import Traced

type _Facts = Mapping[str, Any]


def told(entry: Traced, *, payment: Payment) -> Told:
    """Return the words of a step."""
    return _TELLERS[entry.step](entry.facts, payment.currency)


def _amount(facts: _Facts, currency: str, name: str = "amount_minor") -> str:
    return words.amount(facts[name], currency)


def _bill_signed(facts: _Facts, _currency: str) -> Told:
    detail = _("Bill %(digest)s…; the phone brings its bytes along") % facts
    return Told("info", _("Bill left at the relay"), _("terminal"), detail)


def _bill_voided(_facts: _Facts, _currency: str) -> Told:
    return Told("warn", _("A newer bill took its place at the relay"), _("terminal"))


def _bill_brought(_facts: _Facts, _currency: str) -> Told:
    return Told("neutral", _("The phone brought the bill that it fetched at the relay"), _("phone"))


def _alarm(facts: _Facts, _currency: str) -> Told:
    what = trace_words.ALARMS.get(facts["kind"], facts["kind"])
    return Told("bad", what, _("alarm"), facts["detail"])


def _datagram(facts: _Facts, _currency: str) -> Told:
    kind = str(facts["kind"])
    what = deliveries.KINDS.get(kind, kind)
    look = words.PAYMENT_LOOKS.get(facts["state"])
    parts = [facts["address"]]
    if facts["message"]:
        parts.append(_("message %(number)s") % {"number": facts["message"]})
    if look is not None:
        parts.append(str(look.word))
    detail = ", ".join(parts)
    return Told("neutral", what, _("in") if facts["inward"] else _("out"), detail)


def _authorised(facts: _Facts, currency: str) -> Told:
    amount = _amount(facts, currency)
    if facts["reason"]:
        reason = str(words.decline_of(facts["reason"])).rstrip(".")
        return Told("bad", _("The issuer said no to %s") % amount, _("issuer"), reason)
    return Told("ok", _("The issuer approved %s") % amount, _("issuer"))


def _issuer_asked(facts: _Facts, currency: str) -> Told:
    what = _("The issuer's own system is asked for %s") % _amount(facts, currency)
    detail = _("Sendings: %s") % facts["attempts"] if facts["attempts"] > 1 else ""
    return Told("info", what, _("issuer"), detail)


_ENDS: Final = {
    "APPROVED": Told(
        "ok", gettext_lazy("The issuer's own system said yes"), gettext_lazy("issuer")
    ),
    "DECLINED": Told(
        "bad", gettext_lazy("The issuer's own system said no"), gettext_lazy("issuer")
    ),
}
_TAKEN_BACK: Final = Told(
    "warn",
    gettext_lazy("The question is taken back at the issuer's system"),
    gettext_lazy("issuer"),
)


def _issuer_ended(facts: _Facts, _currency: str) -> Told:
    return _ENDS.get(facts["state"], _TAKEN_BACK)


def _issuer_reversed(_facts: _Facts, _currency: str) -> Told:
    return Told("neutral", _("The issuer's system acknowledged that"), _("issuer"))


def _issuer_refund_due(facts: _Facts, currency: str) -> Told:
    what = _("The issuer's own system is to be told of a refund of %s") % _amount(facts, currency)
    if facts["told"] or not facts["attempts"]:
        return Told("info", what, _("issuer"), facts["refund"])
    detail = _("%(refund)s, not acknowledged; sendings: %(attempts)s") % facts
    return Told("warn", what, _("issuer"), detail)


def _issuer_refund_told(facts: _Facts, currency: str) -> Told:
    what = _("Refund of %s told to the issuer") % _amount(facts, currency)
    detail = _("%(refund)s, acknowledged; sendings: %(attempts)s") % facts
    return Told("ok", what, _("issuer"), detail)


def _held(facts: _Facts, currency: str) -> Told:
    return Told("info", _("%s set aside on the account") % _amount(facts, currency), _("account"))


def _hold_ended(facts: _Facts, currency: str) -> Told:
    captured = facts["state"] == "CAPTURED"
    what = _("%s taken from what was set aside") if captured else _("%s no longer set aside")
    return Told("ok" if captured else "neutral", what % _amount(facts, currency), _("account"))


def _upload_refused(facts: _Facts, _currency: str) -> Told:
    what = _("Batch %(sequence)s was refused; its reader sent it again") % facts
    return Told("warn", what, _("reader"), facts["refusal"])


def _copy_came(facts: _Facts, currency: str) -> Told:
    return Told("neutral", _("The phone sent its own copy"), _("phone"), _amount(facts, currency))


def _webhook(facts: _Facts, _currency: str) -> Told:
    what = _("Told %(endpoint)s of %(type)s, attempt %(number)s") % facts
    tone = "ok" if facts["taken"] else "warn"
    return Told(tone, what, _("webhook"), _("Answer: %s") % facts["answer"])


def _in_payout(facts: _Facts, _currency: str) -> Told:
    what = _("Taken off payout %(payout)s") if facts["reversal"] else _("In payout %(payout)s")
    return Told("info", what % facts, _("settlement"), facts["refund"])


def _act(facts: _Facts, _currency: str) -> Told:
    said = _("Request %s") % facts["request"] if facts["request"] else ""
    detail = ", ".join(part for part in (facts["reason"], said) if part)
    what = trace_words.ACTS.get(facts["action"], facts["action"])
    return Told("neutral", what, trace_words.ACTORS.get(facts["actor_kind"], ""), detail)


def _plan_made(facts: _Facts, _currency: str) -> Told:
    what = _("The customer planned benefits: %(count)s") % facts
    return Told("info", what, _("phone"), facts["plan"])


def _psn_taken(_facts: _Facts, _currency: str) -> Told:
    return Told("ok", _("The payment number fitted"), _("phone"))


def _checkout_opened(facts: _Facts, currency: str) -> Told:
    detail = _("%(amount)s, benefits leave %(rest)s") % {
        "amount": _amount(facts, currency),
        "rest": _amount(facts, currency, "remainder_minor"),
    }
    return Told("info", _("The till took the customer's number"), facts["terminal"], detail)


def _checkout_ended(facts: _Facts, _currency: str) -> Told:
    detail = _("Paid with %s") % facts["tender"] if facts["tender"] else ""
    what = trace_words.CHECKOUTS.get(facts["state"], facts["state"])
    return Told("neutral", what, facts["terminal"], detail)


def _benefit_held(facts: _Facts, currency: str) -> Told:
    what = _("%(kind)s takes %(amount)s") % {
        "kind": trace_words.BENEFITS.get(facts["kind"], facts["kind"]),
        "amount": _amount(facts, currency),
    }
    return Told("info", what, _("benefits"))


def _benefits_used(facts: _Facts, currency: str) -> Told:
    return Told("ok", _("Benefits of %s are used up") % _amount(facts, currency), _("benefits"))


def _benefits_released(facts: _Facts, currency: str) -> Told:
    what = _("Benefits of %s are good again") % _amount(facts, currency)
    return Told("neutral", what, _("benefits"))


def _benefits_back(facts: _Facts, currency: str) -> Told:
    return Told("warn", _("Benefits of %s came back") % _amount(facts, currency), _("benefits"))


def _earned(facts: _Facts, currency: str) -> Told:
    points = _("Earned points worth %s") % words.amount(facts["amount"], currency)
    return Told("ok", points if facts["points"] else _("Earned a stamp"), _("benefits"))


def _taken_back(facts: _Facts, currency: str) -> Told:
    points = _("Points worth %s were taken back") % words.amount(facts["amount"], currency)
    return Told("warn", points if facts["points"] else _("A stamp was taken back"), _("benefits"))


_TELLERS: Final[dict[str, Callable[[_Facts, str], Told]]] = {
    Step.BILL_SIGNED: _bill_signed,
    Step.BILL_VOIDED: _bill_voided,
    Step.BILL_BROUGHT: _bill_brought,
    Step.ALARM: _alarm,
    Step.DATAGRAM: _datagram,
    Step.AUTHORISED: _authorised,
    Step.ISSUER_ASKED: _issuer_asked,
    Step.ISSUER_ENDED: _issuer_ended,
    Step.ISSUER_REVERSED: _issuer_reversed,
    Step.ISSUER_REFUND_DUE: _issuer_refund_due,
    Step.ISSUER_REFUND_TOLD: _issuer_refund_told,
    Step.HELD: _held,
    Step.HOLD_ENDED: _hold_ended,
    Step.UPLOAD_REFUSED: _upload_refused,
    Step.COPY_CAME: _copy_came,
    Step.WEBHOOK: _webhook,
    Step.IN_PAYOUT: _in_payout,
    Step.ACT: _act,
    BenefitStep.PLAN_MADE: _plan_made,
    BenefitStep.PSN_TAKEN: _psn_taken,
    BenefitStep.CHECKOUT_OPENED: _checkout_opened,
    BenefitStep.CHECKOUT_ENDED: _checkout_ended,
    BenefitStep.BENEFIT_HELD: _benefit_held,
    BenefitStep.BENEFITS_USED: _benefits_used,
    BenefitStep.BENEFITS_RELEASED: _benefits_released,
    BenefitStep.BENEFITS_BACK: _benefits_back,
    BenefitStep.EARNED: _earned,
    BenefitStep.TAKEN_BACK: _taken_back,
    **traces_ahead.TELLERS,
    REPEATED: traces_repeats.repeated,
}
