"""Showing either second factor, and changing them under that proof (ASVS 7.5.1)."""

from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from config.audit import Actor
from config.models import Authenticator, RecoveryCodes, User
from config.people import recovery_codes, second_factor, sessions
from config.people.second_factor import DIGITS, WrongCode

FRESH_FOR: Final = timedelta(minutes=5)


def prove(
    *, user: User, code: str, actor: Actor, at: datetime
) -> Authenticator | RecoveryCodes | None:
    """Take a code of the authenticator (six digits) or a recovery code, and use it up.

    Returns None for who has neither and came in by the demo's link: there is nothing to ask for.

    :raises WrongCode: wrong, or used before
    :raises TooManyTries: after wrong codes
    """
    if not needs_proof(user=user):
        return None
    if len("".join(code.split())) <= DIGITS:
        return second_factor.check(user=user, code=code, at=at)
    return recovery_codes.check(user=user, code=code, actor=actor, at=at)


def needs_proof(*, user: User) -> bool:
    """Return whether the person has a factor to show."""
    return (
        second_factor.authenticator_of(user=user) is not None
        or RecoveryCodes.objects.filter(user=user).exists()
    )


def is_fresh(*, user: User, session_key: str | None, at: datetime) -> bool:
    """Return whether a dangerous act needs no code now (ASVS 7.5.3): one was shown 5 minutes ago.

    Who has no factor to show, and came in by the demo's link, is not asked.
    """
    shown = sessions.verified_since(session_key=session_key, since=at - FRESH_FOR)
    return shown or not needs_proof(user=user)


def prove_again(
    *, user: User, code: str, session_key: str | None, actor: Actor, at: datetime
) -> None:
    """Take a code as :func:`prove` does, for the dangerous acts of the next 5 minutes.

    :raises WrongCode: wrong, or used before
    :raises TooManyTries: after wrong codes
    :raises NoSuchSession: it was ended meanwhile
    """
    prove(user=user, code=code, actor=actor, at=at)
    sessions.verify_again(session_key=session_key, actor=actor, at=at)


def replace_authenticator(
    *, user: User, proof: str, code: str, session_key: str | None, actor: Actor, at: datetime
) -> Authenticator:
    """Put a new authenticator in the old one's place and end the person's other sessions.

    ``proof``: a code of the old one, or a recovery code. ``code``: one of the new. The new one is
    looked at first, so that a slip there does not cost the proof.

    :raises WrongCode: either is not right
    :raises TooManyTries: after wrong codes
    """
    if not second_factor.fits(user=user, code=code, at=at):
        raise WrongCode(_("The new authenticator shows another code."))
    prove(user=user, code=proof, actor=actor, at=at)
    device = second_factor.confirm(user=user, code=code, actor=actor, at=at)
    sessions.end_all(user=user, actor=actor, at=at, but=session_key)
    return device


def renew_codes(*, user: User, proof: str, actor: Actor, at: datetime) -> list[str]:
    """Return ten new recovery codes, to be shown once.

    :raises WrongCode: the proof is not right
    :raises TooManyTries: after wrong codes
    """
    prove(user=user, code=proof, actor=actor, at=at)
    return recovery_codes.renew(user=user, actor=actor, at=at)
