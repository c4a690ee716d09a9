"""A card is taken off one phone, or a phone loses all its cards: wiped, retired and listed.

A wiped phone may not have heard, so its list numbers stay on the list until their certificates
end, and the reserve until records of their time can no longer come. The card itself goes on: other
phones pay with it, and so does this one once it has a new certificate.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from config import audit
from config.audit import Actor
from config.models import Device
from config.refusals import Refused
from issuers.models import BlacklistEntry, Card, Credential, Issuer, OtaCommand
from issuers.services import certificate_requests, commands, credentials
from issuers.services.blacklist import listing
from issuers.services.blacklist.listing import ReasonUnknown


class NotOnPhone(Refused):
    code = "card_not_on_phone"
    status = 409
    title = "This phone does not carry the card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiped:
    """What was taken off a phone: the listing of its numbers, and the command it must hear."""

    entry: BlacklistEntry
    command: OtaCommand | None


@transaction.atomic
def wipe(
    *, card: Card, device: Device, reason: str, at: datetime, actor: Actor, note: str = ""
) -> Wiped:
    """Take ``card`` off ``device``; the numbers wait for the next version of the list.

    :raises ReasonUnknown: ``reason`` is none of ``BlacklistEntry.Reason``
    :raises NotOnPhone: the phone does not carry it
    :raises CardClosed: the card is closed, which wiped it everywhere
    """
    _check_reason(reason)
    device = credentials.present(device=device)
    return _withdraw(card, device, reason=reason, note=note, at=at, actor=actor)


def is_lost(*, device: Device) -> bool:
    """Return whether a card was taken off the phone as lost or stolen, ever."""
    reasons = (BlacklistEntry.Reason.LOST, BlacklistEntry.Reason.STOLEN)
    entries = BlacklistEntry.objects.filter(device=device, scope=BlacklistEntry.Scope.PHONE)
    return entries.filter(reason__in=reasons).exists()


@transaction.atomic
def wipe_phone(
    *, device: Device, issuer: Issuer, reason: str, at: datetime, actor: Actor, note: str = ""
) -> list[Wiped]:
    """Take every card of ``issuer`` off ``device``, which was lost, and what it was let have next.

    :raises ReasonUnknown: ``reason`` is none of ``BlacklistEntry.Reason``
    :raises NotOnPhone: the phone carries none of them, nor may it fetch one
    """
    _check_reason(reason)
    device = credentials.present(device=device)
    wiped = [
        _withdraw(card, device, reason=reason, note=note, at=at, actor=actor)
        for card in _carried(device, issuer)
    ]
    # After the cards: an agreement locks its card first. Of cards not on the phone yet.
    if not certificate_requests.withdraw(device=device, issuer=issuer) and not wiped:
        raise NotOnPhone
    return wiped


@transaction.atomic
def retire_phone(*, device: Device, at: datetime, actor: Actor, note: str = "") -> list[Wiped]:
    """Take every card off a phone that was revoked and will never be heard of again."""
    certificate_requests.withdraw(device=device)
    reason = BlacklistEntry.Reason.CUSTOMER
    return [
        _withdraw(card, device, reason=reason, note=note, at=at, actor=actor)
        for card in _carried(device)
    ]


def _carried(device: Device, issuer: Issuer | None = None) -> list[Card]:
    """Return the cards on the phone by id, the order in which they are locked."""
    held = Credential.objects.filter(device=device, state=Credential.State.ACTIVE)
    if issuer is not None:
        held = held.filter(issuer=issuer)
    return list(Card.objects.filter(pk__in=held.values("card")).order_by("pk"))


def _withdraw(
    card: Card, device: Device, *, reason: str, note: str, at: datetime, actor: Actor
) -> Wiped:
    held = listing.lock(card=card)
    active = Credential.objects.filter(card=held, device=device, state=Credential.State.ACTIVE)
    if not active.update(state=Credential.State.RETIRED, withdrawn_at=at):
        raise NotOnPhone
    certificate_requests.withdraw(card=held, device=device)
    entry = listing.open_entry(
        card=held,
        reason=reason,
        note=note,
        at=at,
        actor=actor,
        scope=BlacklistEntry.Scope.PHONE,
        device=device,
    )
    command = None
    if device.state == Device.State.ACTIVE:  # a revoked one is never answered again
        action = OtaCommand.Action.WIPE
        (command,) = commands.queue(card=held, action=action, at=at, entry=entry, device=device)
    audit.record(
        actor=actor,
        action="card.wipe",
        subject_kind="card",
        subject=held.reference,
        tenant=held.issuer.reference,
        at=at,
        reason=note,
        after={"device": device.reference, "reason": reason},
    )
    return Wiped(entry=entry, command=command)


def _check_reason(reason: str) -> None:
    if reason not in BlacklistEntry.Reason.values:
        raise ReasonUnknown(f"{reason!r} is none of {', '.join(BlacklistEntry.Reason.values)}.")
