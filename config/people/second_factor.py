"""The second factor: an authenticator app (RFC 6238) set up, checked, replaced and reset."""

import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import transaction
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django_otp.oath import TOTP

from config import audit, qr, sealing
from config.audit import Actor
from config.models import Authenticator, DemoFactor, RecoveryCodes, User
from config.models.second_factor import LOCK_TRIES, Throttled
from config.people import links, mails, sessions
from config.people.access import memberships_of
from config.people.memberships import require_keeper
from config.refusals import Forbidden, Refused

KEY_BYTES, STEP_S, DIGITS = 20, 30, 6  # RFC 4226 §4 R6, RFC 6238 §5.2
MAILS_AN_HOUR = 3


class WrongCode(Refused):
    code = "wrong_code"
    title = "That code was not right"


class TooManyTries(Refused):
    code = "too_many_tries"
    status = 429
    title = "Too many tries"


class NoAuthenticator(Refused):
    code = "no_authenticator"
    status = 409
    title = "No authenticator is set up"


class AlreadySetUp(Refused):
    code = "already_set_up"
    status = 409
    title = "An authenticator is set up already"


def authenticator_of(*, user: User) -> Authenticator | None:
    """Return the person's authenticator, if one was set up."""
    return Authenticator.objects.filter(user=user, confirmed=True).first()


def counts(*, factor: object | None) -> bool:
    """Return whether the factor a session was verified with counts: the demo's does there alone."""
    return factor is not None and (settings.DEMO or not isinstance(factor, DemoFactor))


def pending(*, user: User) -> Authenticator:
    """Return the authenticator being set up; it counts for nothing until a code confirms it."""
    sealed = sealing.seal(secrets.token_bytes(KEY_BYTES), context=_context(user))
    device, _made = Authenticator.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "Authenticator", "sealed_key": sealed}
    )
    return device


def secret_of(*, device: Authenticator) -> str:
    """Return the secret to type into an authenticator, base32 in fours (RFC 4648 §6)."""
    text = b32encode(_key(device)).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address_of(*, device: Authenticator) -> str:
    """Return the ``otpauth:`` address that authenticators read from a QR code."""
    issuer = settings.OTP_TOTP_ISSUER
    asked = {"secret": b32encode(_key(device)).decode(), "issuer": issuer}
    return f"otpauth://totp/{quote(issuer)}:{quote(device.user.email)}?{urlencode(asked)}"


def picture_of(*, device: Authenticator) -> SafeString:
    """Return that address as a QR code."""
    return qr.picture(address_of(device=device))


def check(*, user: User, code: str, at: datetime) -> Authenticator:
    """Take a code of the person's authenticator; each time step is good once, no neighbours.

    :raises NoAuthenticator: none is set up
    :raises TooManyTries: after wrong codes, with the seconds to wait in ``retry_after_s``
    :raises WrongCode: wrong, used before, or of another half minute
    """
    with transaction.atomic():
        device = Authenticator.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is None:
            raise NoAuthenticator(_("Set up an authenticator first."))
        require_no_wait(wait_s=device.wait_s(at=at))
        right = _take(device, code=code, at=at)
        tell_if_locked(factor=device, user=user, at=at)
    if not right:  # raised out here, or the counted failure would be rolled back
        raise WrongCode(_("That code was not right, or it was used before. Type the next one."))
    return device


def require_no_wait(*, wait_s: int) -> None:
    """Refuse a try that comes too early after wrong ones.

    :raises TooManyTries: with the seconds to wait in ``retry_after_s``
    """
    if wait_s:
        raise TooManyTries(
            _("Too many wrong codes. Try again in %(wait)s s.") % {"wait": wait_s},
            retry_after_s=wait_s,
        )


def tell_if_locked(*, factor: Throttled, user: User, at: datetime) -> None:
    """Tell in the trail when the wrong code just counted was the last one heard for a while."""
    if factor.failed_tries >= LOCK_TRIES:
        audit.record(
            actor=Actor(kind="USER", name=str(user.pk)),
            action="second_factor.locked",
            subject_kind="User",
            subject=str(user.pk),
            at=at,
        )


def fits(*, user: User, code: str, at: datetime) -> bool:
    """Return whether the pending authenticator shows ``code`` now, without using it up."""
    device = Authenticator.objects.filter(user=user, confirmed=False).first()
    return device is not None and _step(device, code=code, at=at) is not None


@transaction.atomic
def confirm(*, user: User, code: str, actor: Actor, at: datetime) -> Authenticator:
    """Put the pending authenticator in the old one's place, if ``code`` is one of its own.

    A mailed link to set one up is good no more: it must not go round the factor that is there now.

    :raises WrongCode: the app shows something else; wrong clock or wrong secret
    """
    device = Authenticator.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None or not _take(device, code=code, at=at):
        raise WrongCode(_("That code was not right. Does the phone set its clock by the network?"))
    replaced, _rows = Authenticator.objects.filter(user=user, confirmed=True).delete()
    device.confirmed, device.created_at = True, at
    device.save(update_fields=["confirmed", "created_at"])
    links.end(user=user, purpose=links.Purpose.SECOND_FACTOR, at=at)
    action = "second_factor.replace" if replaced else "second_factor.set_up"
    audit.record(actor=actor, action=action, subject_kind="User", subject=str(user.pk), at=at)
    mails.send(to=user.email, template="second_factor_changed", name=user.name)
    return device


@transaction.atomic
def set_up(*, user: User, token: str, code: str, actor: Actor, at: datetime) -> Authenticator:
    """Use up the mailed link and confirm the authenticator that was set up behind it.

    :raises LinkSpent: unknown, used or old
    :raises Forbidden: the link is another person's
    :raises WrongCode: the link stays good for another try
    """
    holder = links.redeem(token=token, purpose=links.Purpose.SECOND_FACTOR, at=at)
    if holder.pk != user.pk:
        raise Forbidden(_("This link was sent to somebody else. Sign out first."))
    return confirm(user=user, code=code, actor=actor, at=at)


@transaction.atomic
def reset(*, user: User, by: User | None, actor: Actor, at: datetime, tenant: str = "") -> None:
    """Take a lost factor away, end every session and mail the link to set up a new one.

    One factor opens every tenant the person works for, so ``by`` must look after the staff of each;
    None stands for the operator.

    :raises Forbidden: the person works where ``by`` looks after nobody; or it is one's own, which
        is replaced on one's own page, with a code
    """
    if by is not None and by.pk == user.pk:
        raise Forbidden(_("Replace your own second factor on your profile."))
    for membership in memberships_of(user=user):
        require_keeper(user=by, kind=membership.tenant_kind, tenant=membership.tenant)
    Authenticator.objects.filter(user=user).delete()
    RecoveryCodes.objects.filter(user=user).delete()
    DemoFactor.objects.filter(user=user).delete()
    sessions.end_all(user=user, actor=actor, at=at)
    audit.record(
        actor=actor,
        action="second_factor.reset",
        subject_kind="User",
        subject=str(user.pk),
        tenant=tenant,
        at=at,
    )
    token = links.issue(user=user, purpose=links.Purpose.SECOND_FACTOR, at=at)
    mails.send(to=user.email, template="second_factor_link", name=user.name, token=token)


@transaction.atomic
def ask_link(*, user: User, at: datetime) -> None:
    """Mail a fresh link to who gave the password and has no second factor.

    :raises AlreadySetUp: a link must not go round a factor that is there
    """
    if authenticator_of(user=user) is not None:
        raise AlreadySetUp(_("Use your authenticator, or ask whoever looks after your staff."))
    hour_ago, purpose = at - timedelta(hours=1), links.Purpose.SECOND_FACTOR
    if links.issued_since(user=user, purpose=purpose, since=hour_ago) >= MAILS_AN_HOUR:
        return
    token = links.issue(user=user, purpose=purpose, at=at)
    mails.send(to=user.email, template="second_factor_link", name=user.name, token=token)


def _take(device: Authenticator, *, code: str, at: datetime) -> bool:
    """Use up the time step of a right code, or count a failure."""
    step = _step(device, code=code, at=at)
    if step is None:
        device.count_failure(at=at)
        return False
    device.last_step, device.failed_tries, device.failed_at = step, 0, None
    device.save(update_fields=["last_step", "failed_tries", "failed_at"])
    return True


def _step(device: Authenticator, *, code: str, at: datetime) -> int | None:
    """Return the time step ``code`` is good for now; None if it is wrong or was used."""
    totp = TOTP(_key(device), step=STEP_S, digits=DIGITS)
    totp.time = at.timestamp()
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit() and len(typed) == DIGITS):
        return None
    right = totp.verify(int(typed), tolerance=0, min_t=device.last_step + 1)
    return int(totp.t()) if right else None


def _key(device: Authenticator) -> bytes:
    return sealing.unseal(device.sealed_key, context=_context(device.user))


def _context(user: User) -> str:
    return f"config_authenticator.sealed_key:{user.pk}"
