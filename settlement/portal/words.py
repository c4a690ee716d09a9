"""Payments and batches in the desk's words: states with tone, reasons, who bears a loss."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config import money
from config.templatetags.figures import absolute
from settlement.models import Batch, BatchRecord, LedgerAccount, Payment, Transfer


class Look(NamedTuple):
    """A state as a pill shows it: tone of the design and word."""

    tone: str
    word: str | Promise


class Borne(NamedTuple):
    """Who bears an amount, in a word for lists and in a sentence for the payment's page."""

    tone: str
    word: str | Promise
    sentence: str | Promise


_PaymentState = Payment.State
_BatchState = Batch.State
_Bearer = Payment.Bearer

PAYMENT_LOOKS: Final = {
    _PaymentState.REQUESTED: Look("info", _("Waiting")),
    _PaymentState.CLAIMED: Look("info", _("Customer has it")),
    _PaymentState.APPROVING: Look("info", _("Checking")),
    _PaymentState.APPROVED: Look("ok", _("Paid")),
    _PaymentState.DECLINED: Look("bad", _("Declined")),
    _PaymentState.CANCELLED: Look("neutral", _("Cancelled")),
    _PaymentState.EXPIRED: Look("neutral", _("Expired")),
    _PaymentState.REVERSED: Look("neutral", _("Reversed")),
}
BATCH_LOOKS: Final = {
    _BatchState.RECEIVED: Look("info", _("Being posted")),
    _BatchState.POSTED: Look("ok", _("Posted")),
    _BatchState.REFUSED: Look("bad", _("Refused")),
}
RECORD_LOOKS: Final = {
    BatchRecord.State.POSTED: Look("ok", _("Posted")),
    BatchRecord.State.REJECTED: Look("bad", _("Rejected")),
}
# An approval of which something was given back: its state stays, what a desk sees does not.
REFUNDED: Final = Look("warn", _("Refunded"))
REFUNDED_IN_PART: Final = Look("warn", _("Refunded in part"))
CHANNELS: Final = {
    Payment.Channel.TID: _("Phone, T-ID"),
    Payment.Channel.RELAY: _("Phone, relay"),
    Payment.Channel.SMART: _("Benefits"),
    Payment.Channel.OFFLINE: _("Offline"),
    Payment.Channel.PREAPPROVAL: _("Pre-approval"),
}
KINDS: Final = {0: _("Sale"), 1: _("Void")}
DECLINES: Final = {
    "card_blocked": _("The card is blocked."),
    "insufficient_funds": _("The account does not have the amount."),
    "limit_exceeded": _("The amount is above the card's limit."),
    "velocity": _("The card was used too often in a short time."),
    "issuer_refused": _("The card company said no."),
    "customer_declined": _("The customer said no on the phone."),
}
REFUSALS: Final = {
    "batch_signature": _("The signature is not this reader's."),
    "batch_count": _("It does not hold as many records as it says."),
    "batch_total": _("The sum does not match its records."),
    "batch_sequence": _("It is not the next batch of this reader."),
    "batch_chain": _("It does not continue the batch before it."),
    "batch_malformed": _("The bytes could not be read as a batch."),
}
REASONS: Final = {
    "unknown_card": _("No card of ours."),
    "certificate_unknown": _("No certificate of this card on this phone."),
    "record_signature": _("The card's signature does not fit the record."),
    "wrong_reader": _("Made for another reader."),
    "future_time": _("The reader's clock was more than 5 minutes ahead."),
    "too_late": _("More than 8 days old, or from before the reader was enrolled."),
    "duplicate_atc": _("Another payment stands under this transaction counter."),
    "over_profile": _("Over the offline limits the card was certified with."),
    "sale_unknown": _("The sale it takes back is not known from this reader."),
    "sale_voided": _("The sale was taken back before."),
    "already_posted": _("Posted from an earlier upload; nothing was posted twice."),
}
_BORNE: Final = {
    "exposure_window": Borne(
        "warn",
        _("Issuer bears it"),
        _(
            "The card was on the blacklist at the tap, but the reader's list did not hold it yet. "
            "The card company bears the amount; the shop is paid."
        ),
    ),
    "tampering_suspected": Borne(
        "bad",
        _("Issuer bears it"),
        _(
            "The card's phone had applied the block before the tap, and the card paid all the "
            "same. The card company bears the amount and looks into it; the shop is paid."
        ),
    ),
    "duplicate_atc": Borne(
        "warn",
        _("Issuer bears it"),
        _(
            "The card's transaction counter was used twice and the shop's reader kept its rules. "
            "The card company bears the amount."
        ),
    ),
    "reader_held_entry": Borne(
        "bad",
        _("Shop bears it"),
        _(
            "The reader's own list held this card when it was tapped, and it approved it all "
            "the same. The shop bears the amount."
        ),
    ),
    "list_rollback": Borne(
        "bad",
        _("Shop bears it"),
        _(
            "The reader says it held an older list than the portal's log shows it had fetched. "
            "The shop bears the amount."
        ),
    ),
}
_BEARERS: Final = {
    _Bearer.CARDHOLDER: Borne(
        "ok", _("Cardholder pays"), _("The cardholder pays, as for any sale.")
    ),
    _Bearer.ISSUER: Borne("warn", _("Issuer bears it"), _("The card company bears the amount.")),
    _Bearer.MERCHANT: Borne("bad", _("Shop bears it"), _("The shop bears the amount.")),
}
TRANSFERS: Final = {
    Transfer.Code.OFFLINE_SALE: _("Sale posted"),
    Transfer.Code.OFFLINE_VOID: _("Sale taken back"),
    Transfer.Code.ONLINE_SALE: _("Sale posted"),
    Transfer.Code.REVERSAL: _("The whole sale taken back"),
    Transfer.Code.REFUND: _("Refund posted"),
    Transfer.Code.DISCOUNT: _("Discount borne by its sponsor"),
    Transfer.Code.POINTS: _("Points paid for by their sponsor"),
    Transfer.Code.GIFT_CARD: _("Paid from a gift card"),
    Transfer.Code.GIFT_CARD_ISSUED: _("Gift card entered as a liability"),
    Transfer.Code.ISSUER_BEARS: _("Sale posted at the issuer's loss"),
    Transfer.Code.MERCHANT_BEARS: _("Sale posted at the shop's loss"),
    Transfer.Code.DEBT_OPENED: _("Overdrawn part set apart as a debt"),
    Transfer.Code.DEBT_COLLECTED: _("Debt collected"),
    Transfer.Code.PAYABLE_OPENED: _("Set apart for the holder of a closed account"),
    Transfer.Code.PAYABLE_PAID: _("Paid out to the holder of a closed account"),
    Transfer.Code.FEES: _("Fees of a payout"),
    Transfer.Code.LOSS_CHARGED: _("Loss taken off a payout"),
}
ACCOUNTS: Final = {
    LedgerAccount.Kind.CARDHOLDER: _("the card account"),
    LedgerAccount.Kind.MERCHANT: _("the shop's payable"),
    LedgerAccount.Kind.ISSUER_LOSS: _("the issuer's loss"),
    LedgerAccount.Kind.MERCHANT_LOSS: _("the shop's loss"),
    LedgerAccount.Kind.FUNDING: _("funding"),
    LedgerAccount.Kind.FEES: _("fees"),
    LedgerAccount.Kind.RECEIVABLE: _("the card account's debt"),
    LedgerAccount.Kind.PAYABLE: _("what is due to the holder"),
    LedgerAccount.Kind.SPONSOR: _("a sponsor of benefits"),
    LedgerAccount.Kind.GIFT_CARD: _("a gift card"),
    LedgerAccount.Kind.GIFT_FUNDING: _("gift cards sold"),
    LedgerAccount.Kind.ROUNDING: _("units between refunds"),
}
EVENTS: Final = {
    "payment.requested": Look("info", _("Told: requested")),
    "payment.claimed": Look("info", _("Told: customer has it")),
    "payment.released": Look("info", _("Told: waiting again")),
    "payment.approved": Look("ok", _("Told: paid")),
    "payment.declined": Look("bad", _("Told: declined")),
    "payment.cancelled": Look("neutral", _("Told: cancelled")),
    "payment.expired": Look("neutral", _("Told: expired")),
    "payment.reversed": Look("neutral", _("Told: reversed")),
    "refund.created": Look("warn", _("Refunded")),
}
EXCEPTIONS: Final = {
    "atc_gap": _("Transaction counters are missing"),
    "atc_rollback": _("The transaction counter ran backwards"),
    "exposure_window": _("Approved in the exposure window"),
    "reader_held_entry": _("Approved against the reader's own list"),
    "list_rollback": _("The reader's list went back"),
    "record_backdated": _("Dated before the portal can prove"),
    "tampering_suspected": _("Tampering suspected"),
    "closed_account_money": _("Money came to a closed account"),
    "reader_sequence_missing": _("A reader's batches are missing"),
    "reader_silent": _("A reader fell silent"),
}

_DETAILS: Final = {
    "atc_gap": _("Counters %(first)s to %(last)s never came."),
    "atc_rollback": _("Counter %(atc)s was used after a higher one."),
    "exposure_window": _("The reader said it held list version %(claimed_version)s."),
    "reader_held_entry": _("The reader said it held list version %(claimed_version)s."),
    "list_rollback": _("The reader said it held list version %(claimed_version)s."),
    "record_backdated": _("%(because)s It counts from %(counted_at)s, not from %(tapped_at)s."),
    "tampering_suspected": _("The phone had applied the block, and the card paid after it."),
    "closed_account_money": _("%(amount)s of account %(account)s is due to its holder."),
    "reader_sequence_missing": _("%(name)s: batches %(first)s to %(last)s have not come."),
    "reader_silent": _("%(name)s was last heard of %(seen_at)s. Phones tell of sales: %(copies)s."),
}
BECAUSE: Final = {
    "certificate": _("Its certificate was issued later."),
    "list": _("The reader was given the list it says it held later."),
    "batch": _("The reader had emptied its store later."),
    "enrolment": _("The reader was enrolled later."),
    "arrival": _("It had arrived before."),
}


def exception_detail(*, kind: str, detail: Mapping[str, Any], zone: tzinfo | None = None) -> str:
    """Return what stands in an exception beyond its kind, "" if there are no words for it.

    ``zone``: whose clock its times are told by; UTC unless given.
    """
    sentence = _DETAILS.get(kind)
    if sentence is None:
        return ""
    if kind == "atc_gap" and detail["first"] == detail["last"]:
        sentence = _("Counter %(first)s never came.")
    if kind == "reader_sequence_missing" and detail["first"] == detail["last"]:
        sentence = _("%(name)s: batch %(first)s has not come.")
    told = dict(detail)
    for name in ("tapped_at", "counted_at", "seen_at"):
        if name in told:
            told[name] = absolute(datetime.fromtimestamp(told[name], zone or UTC))
    if "amount_minor" in told:
        told["amount"] = amount(told["amount_minor"], told["currency"])
    if "because" in told:
        told["because"] = BECAUSE.get(told["because"], "")
    return str(sentence) % told


def borne(*, bearer: str, cause: str) -> Borne:
    """Return in words who bears an amount, and by which rule."""
    return _BORNE.get(cause) or _BEARERS[_Bearer(bearer)]


def payment_look(payment: Payment) -> Look:
    """Return the state of a payment as a pill shows it; refunds show in it."""
    if payment.refunded_minor == payment.amount_minor:
        return REFUNDED
    if payment.refunded_minor:
        return REFUNDED_IN_PART
    return PAYMENT_LOOKS[_PaymentState(payment.state)]


def decline_of(reason: str) -> str | Promise:
    """Return why a payment was declined, in words; a code without words stands for itself."""
    return DECLINES.get(reason, reason)


def refusal_of(batch: Batch) -> str | Promise:
    """Return why a batch was refused, "" if it was not; a code without words stands for itself."""
    return REFUSALS.get(batch.refusal, batch.refusal)


def reason_of(record: BatchRecord) -> str | Promise:
    """Return why a record was rejected, or what stands beside its posting."""
    return REASONS.get(record.reason, record.reason)


def amount(amount_minor: int, currency: str) -> str:
    """Return an amount in a sentence: 12,500 KRW."""
    return str(money.Money(amount_minor, currency))
