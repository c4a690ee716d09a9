"""PIN codes: proof that the holder typed the PIN, without the PIN (protocol §2)."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from config import pipeline, sealing
from config.models import Device
from config.pipeline import Answer, Statement
from config.refusals import Refused
from wallets.models import Phone
from wallets.wire.pin_code import pin_code as code_for

FAILURES_MAX = 5
WINDOW = 20  # counters last+1 … last+20 are accepted
NO_CARD = bytes(16)
SUBJECT_CHANGE = "PIN"


class PinCodeInvalid(Refused):
    code = "pin_code_invalid"
    title = "The PIN code does not fit"


class DeviceLocked(Refused):
    code = "device_locked"
    status = 403
    title = "Too many wrong PIN codes: the phone is locked"


class CounterUsed(Refused):
    code = "counter_used"
    title = "This counter was used"


class CounterAhead(Refused):
    code = "counter_ahead"
    title = "This counter is too far ahead"


def require_unlocked(*, device: Device) -> None:
    """Refuse what a locked phone asks, in the transaction of what it asks.

    The phone's row stays shared until that ends: the wrong code that locks it waits, or is seen.

    :raises DeviceLocked: five wrong PIN codes, or five failed proofs, in a row
    """
    (phone,) = Phone.objects.raw(_LOCK_SHARED, [device.pk])
    if phone.locked_at is not None:
        raise DeviceLocked


_LOCK_SHARED = "SELECT * FROM wallets_phone WHERE device_id = %s FOR SHARE"


def verify(
    *, device: Device, subject: str, card_token: bytes, counter: int, pin_code: str, at: datetime
) -> None:
    """Accept one PIN code and move the phone's counter, or refuse it.

    ``subject``: the TSN, the T-ID or ``PIN``; ``card_token``: 16 bytes; ``counter``: one for all
    uses of the phone, rising.

    :raises DeviceLocked: this is the fifth wrong code in a row, or came after it
    :raises PinCodeInvalid: the code does not fit; counted
    :raises CounterUsed: the code fits a counter not above the last; not counted
    :raises CounterAhead: the code fits a counter more than twenty above the last; not counted
    """
    refusal = _try(
        device=device,
        subject=subject,
        card_token=card_token,
        counter=counter,
        pin_code=pin_code,
        at=at,
    )
    if refusal is not None:
        raise refusal


def change(*, device: Device, psn_key: bytes, counter: int, pin_code: str, at: datetime) -> None:
    """Replace the phone's PIN key after a code made with the old one.

    :raises DeviceLocked, PinCodeInvalid, CounterUsed, CounterAhead: as :func:`verify`
    """
    verify(
        device=device,
        subject=SUBJECT_CHANGE,
        card_token=NO_CARD,
        counter=counter,
        pin_code=pin_code,
        at=at,
    )
    sealed = sealing.seal(psn_key, context=_context(device))
    Phone.objects.filter(device=device).update(psn_key=sealed)


@transaction.atomic
def _try(
    *, device: Device, subject: str, card_token: bytes, counter: int, pin_code: str, at: datetime
) -> Refused | None:
    """Judge one code under the phone's row lock; a refusal is returned, so that its count stays."""
    (held,) = pipeline.run(locked(device=device))
    word = judge(
        held=held,
        device=device,
        subject=subject,
        card_token=card_token,
        counter=counter,
        pin_code=pin_code,
        at=at,
    )
    pipeline.run(*word.writes)
    return word.refusal


def locked(*, device: Device) -> Statement:
    """Return the statement that locks the phone's counter and reads what :func:`judge` needs."""
    return Statement(_LOCKED, [device.pk])


_LOCKED: Final = """
SELECT psn_key, pin_counter, pin_failures, locked_at IS NOT NULL
  FROM wallets_phone WHERE device_id = %s FOR NO KEY UPDATE
"""


class Word(NamedTuple):
    """What became of a code: the refusal, None if it was right, and what is to be written."""

    refusal: Refused | None
    writes: Sequence[Statement]


def judge(
    *,
    held: Answer,
    device: Device,
    subject: str,
    card_token: bytes,
    counter: int,
    pin_code: str,
    at: datetime,
) -> Word:
    """Judge one code by what :func:`locked` found; the caller writes, refused or not."""
    assert held.row is not None, "every PHONE has its row"
    sealed, last, failures, is_locked = held.row
    if is_locked:
        return Word(DeviceLocked(), [])
    psn_key = sealing.unseal(bytes(sealed), context=_context(device))
    want = code_for(psn_key=psn_key, subject=subject, card_token=card_token, counter=counter)
    if not hmac.compare_digest(want.encode(), pin_code.encode()):
        return _failed(device, failures + 1, at)
    if counter <= last:
        return Word(CounterUsed(), [])
    if counter > last + WINDOW:
        return Word(CounterAhead(), [])
    return Word(None, [Statement(_MOVE, [counter, device.pk])])


def judge_unnumbered(
    *, held: Answer, device: Device, subject: str, card_token: bytes, pin_code: str
) -> Word:
    """Judge a code that came without its counter, as a PSN at a till does: each that may be next is
    tried. A wrong one counts nowhere here, for a till is no proof of who typed it (protocol §2)."""
    assert held.row is not None, "every PHONE has its row"
    sealed, last, _failures, is_locked = held.row
    if is_locked:
        return Word(DeviceLocked(), [])
    psn_key = sealing.unseal(bytes(sealed), context=_context(device))
    fits = [
        counter
        for counter in range(last + 1, last + WINDOW + 1)
        if hmac.compare_digest(
            code_for(psn_key=psn_key, subject=subject, card_token=card_token, counter=counter),
            pin_code,
        )
    ]
    if not fits:
        return Word(PinCodeInvalid(), [])
    return Word(None, [Statement(_MOVE, [fits[0], device.pk])])


def _failed(device: Device, failures: int, at: datetime) -> Word:
    locked = failures >= FAILURES_MAX
    write = Statement(_FAIL, [failures, at if locked else None, device.pk])
    return Word(DeviceLocked() if locked else PinCodeInvalid(), [write])


_MOVE: Final = "UPDATE wallets_phone SET pin_counter = %s, pin_failures = 0 WHERE device_id = %s"
_FAIL: Final = "UPDATE wallets_phone SET pin_failures = %s, locked_at = %s WHERE device_id = %s"


def _context(device: Device) -> str:
    return f"phone.psn_key.{device.reference}"
