"""Phones: enrolment, socket tickets, and the counters the portal shadows."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from config import sealing
from config.models import Device, EnrolmentCode
from config.wire import b64
from wallets.models import Customer, Phone, SocketTicket

TICKET_LIFE = timedelta(seconds=30)


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


def limits_of(*, device: Device) -> dict[str, Any]:
    """Return what ``GET /device/config`` tells a phone beside the trust list."""
    phone = Phone.objects.select_related("customer").get(device=device)
    return {"customer": phone.customer.reference, "pin_locked": phone.locked_at is not None}


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
