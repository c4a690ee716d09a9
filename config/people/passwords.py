"""Passwords: long, not common, changed by who knows the old one or reads the mailbox."""

from datetime import datetime, timedelta

from axes.utils import reset as unlock
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from config import audit
from config.audit import Actor
from config.models import User
from config.people import links, mails, sessions, tries
from config.refusals import Refused

MAILS_AN_HOUR = 3  # more would let anybody flood a mailbox


class WeakPassword(Refused):
    code = "weak_password"
    title = "Choose another password"


class WrongPassword(Refused):
    code = "wrong_password"
    title = "That password was not right"


def faults(*, password: str, user: User | None = None) -> list[str]:
    """Return what is wrong with a password, in words; nothing asks for digits or signs.

    At least 15 characters, not on the list of common ones, not the person's name or address
    (NIST SP 800-63B-4 §3.1.1.2, ASVS 6.2.1, 6.2.4, 6.2.5).
    """
    try:
        validate_password(password, user)
    except ValidationError as fault:
        return list(fault.messages)
    return []


def put(*, user: User, password: str) -> None:
    """Set the password on the row, which the caller saves.

    :raises WeakPassword: too short, common, or like the person's name
    """
    if wrong := faults(password=password, user=user):
        raise WeakPassword(" ".join(wrong))
    user.set_password(password)


@transaction.atomic
def ask_reset(*, email: str, at: datetime) -> None:
    """Mail a link to choose a new password; nobody learns whether the address is known."""
    user = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    if user is None:
        return
    hour_ago, purpose = at - timedelta(hours=1), links.Purpose.PASSWORD
    if links.issued_since(user=user, purpose=purpose, since=hour_ago) >= MAILS_AN_HOUR:
        return
    token = links.issue(user=user, purpose=purpose, at=at)
    mails.send(to=user.email, template="password_link", name=user.name, token=token)


@transaction.atomic
def reset(*, token: str, password: str, actor: Actor, at: datetime) -> User:
    """Set a new password by a mailed link and end every session; the second factor stays.

    :raises LinkSpent: unknown, used or old
    :raises WeakPassword: the link stays good for another try
    """
    user = links.redeem(token=token, purpose=links.Purpose.PASSWORD, at=at)
    put(user=user, password=password)
    user.save(update_fields=["password"])
    sessions.end_all(user=user, actor=actor, at=at)
    unlock(username=user.email)
    _tell(user=user, action="password.reset", actor=actor, at=at)
    return user


def change(
    *, user: User, old: str, password: str, session_key: str | None, actor: Actor, at: datetime
) -> None:
    """Set a new password by the old one and end the person's other sessions (ASVS 6.2.3, 7.4.3).

    :raises WrongPassword: ``old`` is not it
    :raises TooManyPasswords: five wrong ones within 15 minutes; who found an open browser guesses
    :raises WeakPassword: too short, common, or like the person's name
    """
    if not _knows(user=user, old=old, actor=actor, at=at):  # raised out here: the count must stay
        raise WrongPassword(_("That is not your password now."))
    _change(user=user, password=password, session_key=session_key, actor=actor, at=at)


@transaction.atomic
def _knows(*, user: User, old: str, actor: Actor, at: datetime) -> bool:
    tries.require_no_wait_to_change(user=user, at=at)
    if user.check_password(old):
        tries.forgive(kind=tries.Kind.CHANGE, name=str(user.pk))
        return True
    tries.count(kind=tries.Kind.CHANGE, name=str(user.pk), at=at)
    if tries.is_spent(user=user, at=at):
        audit.record(
            actor=actor,
            action="password.change_locked",
            subject_kind="User",
            subject=str(user.pk),
            at=at,
        )
    return False


@transaction.atomic
def _change(
    *, user: User, password: str, session_key: str | None, actor: Actor, at: datetime
) -> None:
    put(user=user, password=password)
    user.save(update_fields=["password"])
    sessions.end_all(user=user, actor=actor, at=at, but=session_key)
    _tell(user=user, action="password.change", actor=actor, at=at)


def _tell(*, user: User, action: str, actor: Actor, at: datetime) -> None:
    audit.record(actor=actor, action=action, subject_kind="User", subject=str(user.pk), at=at)
    mails.send(to=user.email, template="password_changed", name=user.name)
