"""How the result of one payment went to its terminal over UDP, down to each datagram."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from merchants.models import DatagramRecord
from merchants.selectors import notifications
from settlement.portal.words import PAYMENT_LOOKS, Look

SHOWN: Final = 200  # a terminal that asks every second for minutes fills pages with the same
DELIVERIES: Final = {
    "NONE": Look("neutral", _("Nobody waits for it")),
    "PENDING": Look("info", _("About to be sent")),
    "SENT": Look("info", _("Sent, not acknowledged yet")),
    "DELIVERED": Look("ok", _("Acknowledged by the terminal")),
    "UNDELIVERED": Look("warn", _("Not acknowledged; the terminal asks by itself")),
}
KINDS: Final = {
    "REGISTER": _("The terminal waits for the result"),
    "REGISTERED": _("Registration answered"),
    "RESULT": _("Result sent"),
    "RESULT_ACK": _("Result acknowledged"),
    "QUERY": _("The terminal asks"),
    "STATE": _("Question answered"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """One datagram as the log draws it; ``clock`` in the reader's zone, to the millisecond."""

    at: datetime
    clock: str
    inward: bool
    kind: str
    what: str | Promise
    address: str
    state: Look | None
    message: int


def look_of(*, tid: str) -> Look:
    """Return how far the result under ``tid`` got, as a pill shows it."""
    return DELIVERIES[notifications.delivery_of(tid=tid)]


def log_of(*, tid: str, time_zone: str) -> list[Datagram]:
    """Return the newest datagrams of ``tid``, oldest first."""
    zone = ZoneInfo(time_zone or "UTC")
    newest = notifications.datagrams_of(tid=tid).reverse()[:SHOWN]
    return [_drawn(row, zone) for row in newest][::-1]


def _drawn(row: DatagramRecord, zone: ZoneInfo) -> Datagram:
    local = row.at.astimezone(zone)
    host = f"[{row.address}]" if ":" in row.address else row.address
    return Datagram(
        at=row.at,
        clock=f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}",
        inward=row.direction == "IN",
        kind=row.kind,
        what=KINDS.get(row.kind, row.kind),
        address=f"{host}:{row.port}",
        state=PAYMENT_LOOKS.get(row.state),  # type: ignore[call-overload]  # text of a state
        message=row.message,
    )
