"""How states of the issuers' domain read: a tone, which is a shape and a colour, and a word."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from config.models import Device
from config.models.devices import DeviceKind
from config.templatetags.figures import span
from issuers.models import BlacklistEntry, Card, Credential, OtaCommand, Programme
from issuers.rules.authorisation import DeclineReason

_State = OtaCommand.State
_Action = OtaCommand.Action
SILENT_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Mark:
    """A state as a pill shows it."""

    tone: str
    label: str


def reasons() -> dict[str, str]:
    """Return what the reasons of a block are called."""
    reason = BlacklistEntry.Reason
    return {
        reason.LOST.value: _("Lost"),
        reason.STOLEN.value: _("Stolen"),
        reason.FRAUD.value: _("Fraud"),
        reason.DELINQUENT.value: _("Delinquent"),
        reason.OVER_LIMIT.value: _("Over limit"),
        reason.CLOSED.value: _("Closed"),
        reason.CUSTOMER.value: _("Customer request"),
    }


def why_listed(entry: BlacklistEntry) -> str:
    """Return why a listing began, and that it is not the issuer's block of the whole card."""
    if entry.scope == BlacklistEntry.Scope.OWNER:
        return _("Frozen by its owner")
    reason = reasons()[entry.reason]
    if entry.scope == BlacklistEntry.Scope.PHONE:
        return _("%(reason)s, one phone") % {"reason": reason}
    return reason


def kinds() -> dict[str, str]:
    """Return what kinds of cards are called."""
    kind = Programme.Kind
    return {
        kind.CREDIT.value: _("Credit"),
        kind.CHECK.value: _("Check"),
        kind.DEBIT.value: _("Debit"),
        kind.PREPAID.value: _("Prepaid"),
    }


def declines() -> dict[str, str]:
    """Return what the reasons of a decline are called (``issuers.rules.authorisation``)."""
    return {
        DeclineReason.CARD_BLOCKED.value: _("Card blocked"),
        DeclineReason.ISSUER_REFUSED.value: _("Account closed, or of another currency"),
        DeclineReason.LIMIT_EXCEEDED.value: _("Above the limit of one payment"),
        DeclineReason.VELOCITY.value: _("Used too often in a short time"),
        DeclineReason.INSUFFICIENT_FUNDS.value: _("Not enough money"),
    }


def rules() -> dict[str, str]:
    """Return what the ways are called in which a phone gets a card."""
    rule = Programme.CertificateRule
    return {
        rule.AUTO.value: _("At once"),
        rule.STEP_UP.value: _("After the customer proves who it is"),
        rule.STAFF.value: _("After staff approve"),
    }


def actions() -> dict[int, str]:
    """Return what commands to phones are called."""
    return {
        _Action.BLOCK.value: _("Block"),
        _Action.UNBLOCK.value: _("Unblock"),
        _Action.RESET.value: _("Reset of the counters"),
        _Action.CERTIFICATE.value: _("New certificate"),
        _Action.WIPE.value: _("Wipe"),
    }


def of_delivery(state: str) -> Mark:
    """Return the state of a command; "" is a listing that no phone has to hear of."""
    return {
        _State.PENDING.value: Mark("info", _("Pending")),
        _State.SENT.value: Mark("info", _("Sent")),
        _State.APPLIED.value: Mark("ok", _("Applied")),
        _State.UNDELIVERED.value: Mark("warn", _("Undelivered")),
    }.get(state, Mark("ok", _("Listed")))


def of_entry(entry: BlacklistEntry, delivery: str) -> Mark:
    """Return where a listing stands: lifted, or how far its command has got."""
    return Mark("neutral", _("Lifted")) if entry.lifted_at else of_delivery(delivery)


def of_card(card: Card) -> Mark:
    """Return the state of a card; the owner's own freeze shows where nothing worse does."""
    if card.state == Card.State.ACTIVE and card.frozen_by_owner_at:
        return Mark("info", _("Frozen by its owner"))
    return {
        Card.State.ACTIVE.value: Mark("ok", _("Active")),
        Card.State.BLOCKED.value: Mark("bad", _("Blocked")),
        Card.State.CLOSED.value: Mark("neutral", _("Closed")),
    }[card.state]


def of_credential(credential: Credential, *, at: datetime) -> Mark:
    """Return the state of a card on a phone."""
    if credential.state == Credential.State.RETIRED:
        return Mark("neutral", _("Replaced"))
    if credential.expires_at <= at:
        return Mark("neutral", _("Expired"))
    if credential.contact_by <= at:
        return Mark("warn", _("Contact overdue"))
    return Mark("ok", _("Current"))


def of_device(device: Device, *, at: datetime) -> Mark:
    """Return the standing of a row of ``selectors.fleet``: current, or how far behind."""
    if device.kind == DeviceKind.PHONE:
        return _of_phone(device, at)
    held, steps = device.held, device.steps_behind  # type: ignore[attr-defined]  # annotated
    if not steps:
        return Mark("ok", _("Current"))
    if held is None:
        return Mark("neutral", _("Never had one"))
    since = device.held_at  # type: ignore[attr-defined]  # annotated
    if at - since > SILENT_AFTER:
        return Mark("bad", _("Silent for %(span)s") % {"span": span((at - since).total_seconds())})
    return Mark("warn", _("%(steps)s behind") % {"steps": f"{steps:,}"})


def _of_phone(device: Device, at: datetime) -> Mark:
    unheard, since = device.unheard, device.unheard_since  # type: ignore[attr-defined]  # annotated
    if not unheard:
        return Mark("ok", _("Current"))
    if device.given_up:  # type: ignore[attr-defined]  # annotated
        return Mark("warn", _("Undelivered"))
    waited = span((at - since).total_seconds())
    tone = "warn" if at - since > timedelta(hours=24) else "info"
    return Mark(tone, _("Waiting for %(span)s") % {"span": waited})


def percent(part: int, whole: int) -> str:
    """Return a share with one decimal, and never 100 where one is missing; "" of nothing."""
    if not whole:
        return ""
    if part in (0, whole):
        return "100" if part else "0"
    return f"{min(part / whole * 100, 99.9):.1f}"
