"""Wrong numbers at a terminal: ten in 30 minutes end its look-ups for 30 minutes (protocol §2)."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from benefits.models import WrongNumber
from config import pipeline
from config.models import Alert, Device
from config.pipeline import Answer, Statement
from config.refusals import Refused

WRONG_MAX: Final = 10
WINDOW: Final = timedelta(minutes=30)
LOCK: Final = timedelta(minutes=30)
ALARM_AT: Final = 100  # over all terminals together, within ``WINDOW``
ALERT: Final = "wrong_numbers"


class LookupLocked(Refused):
    code = "lookup_locked"
    status = 429
    title = "Too many wrong numbers at this terminal"


def refuse_locked(*, device: Device, at: datetime) -> None:
    """Refuse a terminal's look-up while its wrong numbers lock it.

    One of a terminal's look-ups goes through at a time, until its transaction ends: a burst would
    pass the count.

    :raises LookupLocked: ten wrong ones within 30 minutes, the last of them less than 30 ago
    """
    _turn, recent = pipeline.run(*asking(device=device, at=at))
    refusal = refusal_of(recent=recent, at=at)
    if refusal is not None:
        raise refusal


def asking(*, device: Device, at: datetime) -> list[Statement]:
    """Return the statements that wait for the terminal's turn, then read its wrong numbers.

    The second answer goes to :func:`refusal_of`; for who asks more in the same round trip.
    """
    recent = Statement(_RECENT, [device.pk, at - WINDOW - LOCK, WRONG_MAX])
    return [in_turn(device=device), recent]


def refusal_of(*, recent: Answer, at: datetime) -> LookupLocked | None:
    """Return why the terminal may not look up: its last wrong numbers as :func:`asking` read."""
    times = [time for (time,) in recent.rows]
    if len(times) < WRONG_MAX or times[0] - times[-1] >= WINDOW:
        return None
    left = times[0] + LOCK - at
    if left <= timedelta():
        return None
    return LookupLocked(retry_after_s=-(-left // timedelta(seconds=1)))


_RECENT: Final = """
SELECT at FROM benefits_wrongnumber WHERE device_id = %s AND at > %s ORDER BY at DESC LIMIT %s
"""


def count_wrong(*, device: Device, at: datetime) -> None:
    """Count a wrong number against the terminal it came from, in the running transaction."""
    WrongNumber.objects.create(device=device, at=at)


def watch(*, at: datetime) -> None:
    """
    Raise the platform's alarm while wrong numbers come from many terminals, each below its lock.

    One who guesses at fifty terminals meets no single lock; the alarm ends once it has stopped.
    """
    count = WrongNumber.objects.filter(at__gt=at - WINDOW, at__lte=at).count()
    raised = Alert.objects.filter(kind=ALERT, subject=ALERT, cleared_at=None)
    if count < ALARM_AT:
        raised.update(cleared_at=at)
        return
    detail = f"{count} wrong numbers within 30 minutes, over all terminals."
    told = {"tenant": "", "detail": detail, "raised_at": at}
    Alert.objects.get_or_create(kind=ALERT, subject=ALERT, cleared_at=None, defaults=told)


def forget_wrong(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` wrong numbers that can lock nobody any more; return how many."""
    old = WrongNumber.objects.filter(at__lte=at - WINDOW - LOCK).values("pk")[:limit]
    count, _models = WrongNumber.objects.filter(pk__in=old).delete()
    return count


def one_at_a_time(*, device: Device) -> None:
    """Wait until no other look-up of this terminal goes on; until the transaction ends none does.

    Taken before any row is locked.
    """
    pipeline.run(in_turn(device=device))


def in_turn(*, device: Device) -> Statement:
    """Return the statement of :func:`one_at_a_time`."""
    digest = sha256(f"lookups {device.reference}".encode()).digest()
    number = int.from_bytes(digest[:8], signed=True)
    return Statement("SELECT pg_advisory_xact_lock(%s::bigint)", [number])
