"""Phones: enrolment, socket tickets, and the counters the portal shadows."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from config import audit, sealing
from config.audit import Actor
from config.models import Device, EnrolmentCode
from config.refusals import Refused
from config.wire import b64
from issuers.services import wipes
from wallets.models import Customer, Phone, SocketTicket

TICKET_LIFE = timedelta(seconds=30)


class NotLocked(Refused):
    code = "not_locked"
    status = 409
    title = "This phone is not locked"


@transaction.atomic
def enrol(
    *, device: Device, code: EnrolmentCode, body: dict[str, Any], at: datetime
) -> dict[str, Any]:
    """Tie a new phone to its customer. It brings no card with it (protocol §3.1).

    ``body``: ``app_serial`` and ``psn_key`` (base64url, 32 bytes; the PIN never leaves the phone).
    """
    psn_key = b64.decode(body["psn_key"])
    Phone.objects.create(
        device=device,
        customer=Customer.objects.get(reference=device.owner),
        app_serial=body["app_serial"],
        psn_key=sealing.seal(psn_key, context=f"phone.psn_key.{device.reference}"),
    )
    return {}


def end(*, device: Device, actor: Actor, reason: str, at: datetime) -> None:
    """End what a revoked phone carried: its cards retire, and their numbers go on the list."""
    wipes.retire_phone(device=device, at=at, actor=actor, note=reason)


@transaction.atomic
def unlock(*, device: Device, reason: str, at: datetime, actor: Actor, tenant: str) -> None:
    """Reset a phone that wrong PIN codes or failed proofs locked; ``tenant``: whose staff did.

    :raises NotLocked: it is not locked
    """
    phone = Phone.objects.select_for_update().get(device=device)
    if phone.locked_at is None:
        raise NotLocked
    Phone.objects.filter(pk=phone.pk).update(
        locked_at=None, pin_failures=0, authentication_failures=0
    )
    audit.record(
        actor=actor,
        action="phone.unlock",
        subject_kind="device",
        subject=device.reference,
        tenant=tenant,
        at=at,
        reason=reason,
    )


def socket_ticket(*, device: Device, at: datetime) -> tuple[str, datetime]:
    """Return a one-time ticket for the phone's socket and when it ends: 30 s (protocol §5.2)."""
    ticket = secrets.token_urlsafe(24)
    expires_at = at + TICKET_LIFE
    SocketTicket.objects.create(ticket_hash=_hash(ticket), device=device, expires_at=expires_at)
    return ticket, expires_at


def take_ticket(*, ticket: str, at: datetime) -> Device | None:
    """Use a ticket up and return whose it is; None when it is unknown, used or too old."""
    taken = SocketTicket.objects.filter(
        ticket_hash=_hash(ticket), used_at=None, expires_at__gt=at
    ).update(used_at=at)
    if not taken:
        return None
    device = SocketTicket.objects.select_related("device").get(ticket_hash=_hash(ticket)).device
    return device if device.state == Device.State.ACTIVE else None


def forget_tickets(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` tickets that ended; return how many."""
    ended = SocketTicket.objects.filter(expires_at__lte=at).values("pk")[:limit]
    return SocketTicket.objects.filter(pk__in=ended).delete()[0]


def limits_of(*, device: Device) -> dict[str, Any]:
    """Return what ``GET /device/config`` tells a phone beside the trust list."""
    phone = Phone.objects.select_related("customer").get(device=device)
    return {"customer": phone.customer.reference, "pin_locked": phone.locked_at is not None}


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
