"""Wrong passwords counted: what they cost whoever types the next one.

At the door ``django-axes`` counts by name and address; here a name is counted over all addresses,
so that a thousand of them guess no faster than a few. It costs waiting, never a lock: otherwise
anybody could keep a colleague out. Where the person signed in lately, it costs nothing.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from config.models import PasswordFailure, SignInSession, User
from config.refusals import Refused

Kind = PasswordFailure.Kind

DOOR_FREE_AN_HOUR: Final = 50  # wrong ones for a name, from anywhere, before the next one waits
DOOR_WAIT_MAX_S: Final = 60
CHANGE_TRIES: Final = 5
CHANGE_LOCK: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)
KNOWN_FOR: Final = timedelta(days=30)


class TooManyPasswords(Refused):
    code = "too_many_tries"
    status = 429
    title = "Too many tries"


def count(*, kind: Kind, name: str, at: datetime) -> None:
    """Remember a wrong password given for ``name``: an address in any case, or a person's id."""
    PasswordFailure.objects.create(kind=kind, name_hash=_hash(name), at=at)


def require_no_wait_at_door(*, name: str, address: str, at: datetime) -> None:
    """
    Refuse a sign-in under a name that met too many wrong passwords lately, known or not.

    Each one beyond 50 within an hour doubles the wait: 1, 2, 4 … 60 s after the last.

    :raises TooManyPasswords: with the seconds to wait in ``retry_after_s``
    """
    recent, last = _recent(Kind.SIGN_IN, name, at, within=HOUR)
    if recent < DOOR_FREE_AN_HOUR or last is None:
        return
    cost_s = min(DOOR_WAIT_MAX_S, 2 ** min(recent - DOOR_FREE_AN_HOUR, 10))
    left = (last + timedelta(seconds=cost_s) - at).total_seconds()
    if left > 0 and not _is_known(name, address, at):
        raise _waits(left)


@transaction.atomic
def require_no_wait_to_change(*, user: User, at: datetime) -> None:
    """
    Refuse another old password after five wrong ones, for 15 minutes after the last; hold the row.

    :raises TooManyPasswords: with the seconds to wait in ``retry_after_s``
    """
    User.objects.select_for_update().get(pk=user.pk)
    recent, last = _recent(Kind.CHANGE, str(user.pk), at, within=CHANGE_LOCK)
    if recent >= CHANGE_TRIES and last is not None:
        raise _waits((last + CHANGE_LOCK - at).total_seconds())


def is_spent(*, user: User, at: datetime) -> bool:
    """Return whether the wrong old password just counted was the last one heard for a while."""
    return _recent(Kind.CHANGE, str(user.pk), at, within=CHANGE_LOCK)[0] >= CHANGE_TRIES


def forgive(*, kind: Kind, name: str) -> None:
    """Forget what was counted against ``name``: the right password came."""
    PasswordFailure.objects.filter(kind=kind, name_hash=_hash(name)).delete()


def forget_old(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` failures that cost nobody anything any more; return how many."""
    old = PasswordFailure.objects.filter(at__lte=at - HOUR).values("pk")[:limit]
    deleted, _models = PasswordFailure.objects.filter(pk__in=old).delete()
    return deleted


def _recent(
    kind: Kind, name: str, at: datetime, *, within: timedelta
) -> tuple[int, datetime | None]:
    failures = PasswordFailure.objects.filter(kind=kind, name_hash=_hash(name), at__gt=at - within)
    newest = failures.order_by("-at").values_list("at", flat=True).first()
    return (failures.count(), newest) if newest else (0, None)


def _is_known(name: str, address: str, at: datetime) -> bool:
    return SignInSession.objects.filter(
        user__email__iexact=name.strip(),
        address=address,
        verified_at__gt=at - KNOWN_FOR,
    ).exists()


def _waits(seconds: float) -> TooManyPasswords:
    wait_s = max(1, -int(-seconds // 1))
    told = _("Too many wrong passwords. Try again in %(wait)s s.") % {"wait": wait_s}
    return TooManyPasswords(told, retry_after_s=wait_s)


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.strip().lower().encode()).digest()
