"""Who is told a result where, and when again: the rules of one T-ID's notification (protocol §4.2).

They change the row they are given, which the caller has locked, and say what is to be done. A row
is whatever has these fields: the model, or a plain object in a model test.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from merchants.rules.statuses import Status

# Between one sending and the next, before jitter (as RFC 7252 §4.2 doubles it).
REPEATS_S: Final = (2.0, 4.0, 8.0, 16.0)
# After the last one: an acknowledgement that comes later still counts.
LAST_WAIT_S: Final = 2.0
JITTER: Final = 0.2

# The delivery of one T-ID's newest message. NONE: no result yet, or nobody registered.
NONE: Final = "NONE"
PENDING: Final = "PENDING"
SENT: Final = "SENT"
DELIVERED: Final = "DELIVERED"
UNDELIVERED: Final = "UNDELIVERED"


class Row(Protocol):
    """A registered T-ID: where its terminal was last heard, and how its newest message fares."""

    number: int
    address: str
    port: int
    registered_ms: int
    registered_at: datetime
    state: str
    message: int
    nonce: "bytes | memoryview[int] | None"
    told: str
    told_at: datetime | None
    amount_minor: int
    currency: str
    approval_code: str
    attempts: int
    next_at: datetime | None
    acked_at: datetime | None


class Register(NamedTuple):
    """A REGISTER whose MAC and time are good, for a T-ID of its sender's; ``ms``: sender's time."""

    tid: str
    number: int
    address: str
    port: int
    ms: int


class Acknowledgement(NamedTuple):
    """A RESULT_ACK whose MAC and time are good."""

    tid: str
    number: int
    nonce: bytes
    message: int


def take_register(*, row: Row, register: Register, at: datetime) -> bool:
    """Move the row to the REGISTER's address if it is later; say whether it gets an answer.

    The stored one again is answered again; an older one, or the same from elsewhere, never. A move
    begins the sending anew, and so does a terminal that comes back after all was in vain.
    """
    same_place = (register.address, register.port) == (row.address, row.port)
    if register.ms <= row.registered_ms:
        return register.ms == row.registered_ms and same_place
    row.address, row.port = register.address, register.port
    row.registered_ms, row.registered_at = register.ms, at
    if row.state == UNDELIVERED or (row.state in {PENDING, SENT} and not same_place):
        _begin(row, at)
    return True


def take_status(*, row: Row, status: Status, nonce: bytes, at: datetime) -> bool:
    """Make a message of a payment's final state that was not told yet; say whether there is one.

    Only REVERSED follows another message, and has the next number.
    """
    if not status.is_final or status.number != row.number:
        return False
    if row.told and not (row.told == "APPROVED" and status.state == "REVERSED"):
        return False
    row.message, row.nonce = row.message + 1, nonce
    row.told, row.told_at = status.state, at
    row.amount_minor, row.currency = status.amount_minor, status.currency
    row.approval_code = status.approval_code
    _begin(row, at)
    return True


def take_acknowledgement(*, row: Row, ack: Acknowledgement, at: datetime) -> bool:
    """Note that the newest message arrived, if ``ack`` is of it, from whatever address."""
    if row.state == DELIVERED or row.nonce is None:
        return False
    if (ack.number, ack.message, ack.nonce) != (row.number, row.message, bytes(row.nonce)):
        return False
    row.state, row.acked_at, row.next_at = DELIVERED, at, None
    return True


def take_turn(*, row: Row, at: datetime, jitter: Callable[[], float]) -> bool:
    """Say whether the row's message is to be sent now, and note when to look at it again.

    ``jitter`` draws from 0 to 1.
    """
    if row.next_at is None or row.next_at > at or row.state not in {PENDING, SENT}:
        return False
    if row.attempts > len(REPEATS_S):
        row.state, row.next_at = UNDELIVERED, None
        return False
    wait_s = (*REPEATS_S, LAST_WAIT_S)[row.attempts]
    varied = wait_s * (1 - JITTER + 2 * JITTER * jitter())
    row.state, row.attempts = SENT, row.attempts + 1
    row.next_at = at + timedelta(seconds=varied)
    return True


def message_of(*, row: Row, tid: str) -> Status:
    """Return what the newest message tells."""
    return Status(
        tid=tid,
        number=row.number,
        state=row.told,
        amount_minor=row.amount_minor,
        currency=row.currency,
        approval_code=row.approval_code,
    )


def _begin(row: Row, at: datetime) -> None:
    row.state, row.attempts, row.next_at, row.acked_at = PENDING, 0, at, None
