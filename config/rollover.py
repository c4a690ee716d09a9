"""A new signing key for the platform or an issuer, announced before it signs (protocol §3).

A device takes keys from its trust list alone. So a new key stands in the list for ``LEAD`` before
anything is signed by it, and the old one stays trusted after that: certificates it signed are good
until they end.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from config import audit, keys
from config.audit import Actor
from config.models import PublicKey
from config.models.keys import PLATFORM
from config.refusals import NotFound, Refused
from config.wire import b64

# No certificate of a card runs longer (protocol §5: 7 days), so a phone that was away from the
# portal for all this time pays nothing offline before it has fetched the list; a reader whose
# blacklist is that old neither.
LEAD = timedelta(days=7)


class KeyTooSoon(Refused):
    """Devices that were away for a while would meet signatures of a key they never heard of."""

    code = "key_too_soon"
    title = "A new key is announced before it signs"


class KeyInThePast(Refused):
    code = "key_in_the_past"
    title = "A key cannot begin in the past"


class KeyWaiting(Refused):
    """One that has not begun would soon take over from the one asked for, unless it is urgent."""

    code = "key_waiting"
    status = 409
    title = "A new key of this holder has not begun yet"


@transaction.atomic
def announce(
    *, holder: str, begins: datetime | None, urgent: bool, actor: Actor, at: datetime
) -> PublicKey:
    """
    Publish a new key of ``holder`` (``platform`` or an issuer's reference) and return it.

    ``begins``: when it signs instead of the old one, ``LEAD`` from now unless said. ``urgent``
    shortens that, after a loss: devices that are away refuse what it signs until they are back. It
    takes the place of a key that waits, which may be the lost one: that is trusted no longer.

    :raises NotFound: there is no such holder
    :raises KeyInThePast: ``begins`` is before ``at``
    :raises KeyTooSoon: it begins before ``LEAD`` is over, and is not urgent
    :raises KeyWaiting: an announced key has not begun, and this one is not urgent
    """
    held = list(PublicKey.objects.select_for_update().filter(holder=holder).order_by("id"))
    if not held and holder != PLATFORM:
        raise NotFound
    begins = begins or at + LEAD
    if begins < at:
        raise KeyInThePast
    if begins < at + LEAD and not urgent:
        raise KeyTooSoon(f"A key begins {LEAD.days} days from now or later, unless it is urgent.")
    waiting = [key for key in held if key.active_from > at and key.withdrawn_at is None]
    if waiting and not urgent:
        raise KeyWaiting
    _withdraw(waiting, at)
    before = keys.current(holder=holder, at=at)
    made = keys.roll(holder=holder, at=begins)
    audit.record(
        actor=actor,
        action="key.roll",
        subject_kind="key",
        subject=made.name,
        tenant="" if holder == PLATFORM else holder,
        reason="urgent" if urgent else "",
        at=at,
        before={"kid": _kid(before), "withdrawn": [_kid(key) for key in waiting]},
        after={"kid": _kid(made), "active_from": begins.isoformat()},
    )
    return made


def _withdraw(waiting: Sequence[PublicKey], at: datetime) -> None:
    """End keys that have not begun; their rows stay, for no name is given twice."""
    ids = [key.pk for key in waiting]
    PublicKey.objects.filter(pk__in=ids).update(active_until=at, withdrawn_at=at)


def _kid(key: PublicKey) -> str:
    return b64.encode(bytes(key.kid))
