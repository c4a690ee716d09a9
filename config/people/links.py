"""Links good for one use: choose a password, set up the second factor, sign in to the demo."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils.translation import gettext as _

from config.models import OneTimeLink, User
from config.people import tokens
from config.refusals import Refused

Purpose = OneTimeLink.Purpose
LASTS = {
    Purpose.SIGN_IN: timedelta(hours=24),
    Purpose.PASSWORD: timedelta(hours=1),
    Purpose.SECOND_FACTOR: timedelta(hours=24),
}


class LinkSpent(Refused):
    """Unknown, used and old links answer alike, so that nobody learns which it was."""

    code = "link_spent"
    status = 410
    title = "This link is no longer good"


def issue(*, user: User, purpose: OneTimeLink.Purpose, at: datetime) -> str:
    """Make a link for ``user`` and return its token; earlier ones for the same purpose end."""
    end(user=user, purpose=purpose, at=at)
    token, token_hash = tokens.new()
    OneTimeLink.objects.create(
        user=user,
        purpose=purpose,
        token_hash=token_hash,
        created_at=at,
        expires_at=at + LASTS[purpose],
    )
    return token


def end(*, user: User, purpose: OneTimeLink.Purpose, at: datetime) -> None:
    """Use up every link of ``user`` for ``purpose`` that is still good."""
    OneTimeLink.objects.filter(user=user, purpose=purpose, used_at=None, expires_at__gt=at).update(
        used_at=at
    )


def issued_since(*, user: User, purpose: OneTimeLink.Purpose, since: datetime) -> int:
    """Return how many links for ``purpose`` were made after ``since``: no flood of mail."""
    return OneTimeLink.objects.filter(user=user, purpose=purpose, created_at__gt=since).count()


def find(*, token: str, purpose: OneTimeLink.Purpose, at: datetime) -> OneTimeLink:
    """Return the link behind ``token`` without using it up: for the page it opens.

    :raises LinkSpent: unknown, used, too old, or of a person who left
    """
    link = (
        OneTimeLink.objects.select_related("user")
        .filter(
            token_hash=tokens.hash_of(token),
            purpose=purpose,
            used_at=None,
            expires_at__gt=at,
            user__is_active=True,
        )
        .first()
    )
    if link is None:
        raise LinkSpent(_("The link was used, replaced by a newer one, or is too old."))
    return link


def redeem(*, token: str, purpose: OneTimeLink.Purpose, at: datetime) -> User:
    """Use the link up and return whose it is; of two tries at once one wins.

    :raises LinkSpent: unknown, used, too old, or of a person who left
    """
    link = find(token=token, purpose=purpose, at=at)
    if OneTimeLink.objects.filter(pk=link.pk, used_at=None).update(used_at=at) != 1:
        raise LinkSpent(_("The link was used, replaced by a newer one, or is too old."))
    return link.user


def forget_old(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` links that ended a month ago; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM config_onetimelink WHERE id IN"
            " (SELECT id FROM config_onetimelink WHERE expires_at <= %s LIMIT %s)",
            [at - timedelta(days=30), limit],
        )
        forgotten: int = cursor.rowcount
        return forgotten
