"""PIN codes: proof that the holder typed the PIN, without the PIN (protocol §2)."""

import hmac
from datetime import datetime

from django.db import transaction

from config import sealing
from config.models import Device
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
    phone = Phone.objects.select_for_update().get(device=device)
    if phone.locked_at is not None:
        return DeviceLocked()
    psn_key = sealing.unseal(phone.psn_key, context=_context(device))
    want = code_for(psn_key=psn_key, subject=subject, card_token=card_token, counter=counter)
    if not hmac.compare_digest(want.encode(), pin_code.encode()):
        return _failed(phone, at)
    if counter <= phone.pin_counter:
        return CounterUsed()
    if counter > phone.pin_counter + WINDOW:
        return CounterAhead()
    Phone.objects.filter(pk=phone.pk).update(pin_counter=counter, pin_failures=0)
    return None


def _failed(phone: Phone, at: datetime) -> Refused:
    failures = phone.pin_failures + 1
    locked = failures >= FAILURES_MAX
    Phone.objects.filter(pk=phone.pk).update(
        pin_failures=failures, locked_at=at if locked else None
    )
    return DeviceLocked() if locked else PinCodeInvalid()


def _context(device: Device) -> str:
    return f"phone.psn_key.{device.reference}"
