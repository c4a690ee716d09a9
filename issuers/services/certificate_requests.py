"""Programmes whose staff agree before a card goes on a phone (protocol §3.1, rule STAFF).

What is agreed to is one key on one phone for one card: another key is another request. Locks: the
phone's row (shared), the card's, the request's.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from config import audit
from config.audit import Actor
from config.models import Device
from config.refusals import Refused
from issuers.models import Card, CertificateRequest, Credential, Issuer
from issuers.services import credentials
from issuers.services.blacklist import listing
from issuers.services.credentials import DeviceRevoked, TooManyCertificates

AGREED_FOR = timedelta(days=7)
_AN_HOUR = timedelta(hours=1)
_State = CertificateRequest.State
_OPEN = (_State.PENDING, _State.AGREED)


class CertificateRefused(Refused):
    code = "certificate_refused"
    status = 403
    title = "The card's issuer does not let this phone carry it"


class RequestDecided(Refused):
    code = "request_decided"
    status = 409
    title = "Somebody has decided on this request, or it is gone"


class ReasonMissing(Refused):
    code = "reason_missing"
    title = "A refusal needs a reason"


@transaction.atomic
def ask(*, card: Card, device: Device, public_key: bytes, at: datetime) -> CertificateRequest:
    """Return what became of the wish to have ``card`` on ``device`` under that key.

    A first one waits for staff; the same asked again is the same request. A phone that asks for
    another key, or 7 days after the agreement, begins anew and what it asked before is withdrawn.

    :raises CertificateRefused: staff refused this very key
    :raises CardClosed: the card is closed
    :raises TooManyCertificates: this phone began ``CERTIFICATES_PER_HOUR`` of them for this card
    :raises WrongKind, NotFound, DeviceRevoked, PublicKeyInvalid: as :func:`credentials.check`
    """
    device = credentials.present(device=device)
    credentials.check(card=card, device=device, public_key=public_key)
    held = listing.lock(card=card)
    mine = CertificateRequest.objects.filter(card=held, device=device)
    # For good: also where the phone asked with another key since.
    if mine.filter(public_key=public_key, state=_State.REFUSED).exists():
        raise CertificateRefused
    newest = mine.order_by("-id").first()
    if newest is not None and bytes(newest.public_key) == public_key and _stands(newest, at):
        return newest
    _check_pace(mine, at)
    if newest is not None and newest.state in _OPEN:
        newest.transition(_State.WITHDRAWN)
    return CertificateRequest.objects.create(
        issuer=held.issuer, card=held, device=device, public_key=public_key, requested_at=at
    )


def _check_pace(mine: QuerySet[CertificateRequest], at: datetime) -> None:
    """Keep one phone from filling the queue of the staff with a new key at a time."""
    begun = mine.filter(requested_at__gt=at - _AN_HOUR).order_by("-requested_at")
    times = list(begun.values_list("requested_at", flat=True)[: settings.CERTIFICATES_PER_HOUR])
    if len(times) >= settings.CERTIFICATES_PER_HOUR:
        left = times[-1] + _AN_HOUR - at
        raise TooManyCertificates(retry_after_s=max(1, -(-left // timedelta(seconds=1))))


def _stands(request: CertificateRequest, at: datetime) -> bool:
    if request.state == _State.AGREED:
        assert request.decided_at is not None  # the table's constraint
        return at < request.decided_at + AGREED_FOR
    if request.state == _State.DONE:
        assert request.credential is not None  # the table's constraint
        return request.credential.state == Credential.State.ACTIVE
    return request.state == _State.PENDING


def fulfil(*, request: CertificateRequest, credential: Credential) -> None:
    """Tie the credential that was agreed to its request, in the transaction that made it.

    :raises RequestDecided: it is not agreed to any more
    """
    _decide(request, _State.DONE, credential=credential)


@transaction.atomic
def agree(*, request: CertificateRequest, at: datetime, actor: Actor) -> CertificateRequest:
    """Let the phone have the card: its next call gets the certificate.

    :raises RequestDecided: it does not wait any more
    :raises CardClosed: the card was closed
    :raises DeviceRevoked: the phone was revoked
    """
    if credentials.present(device=request.device).state != Device.State.ACTIVE:
        raise DeviceRevoked
    listing.lock(card=request.card)
    _decide(request, _State.AGREED, decided_at=at, decided_by=actor.name)
    _record(request, action="certificate_request.agree", at=at, actor=actor)
    return request


@transaction.atomic
def refuse(
    *, request: CertificateRequest, reason: str, at: datetime, actor: Actor
) -> CertificateRequest:
    """Keep the card off the phone: this key is refused for good.

    :raises ReasonMissing: ``reason`` is blank
    :raises RequestDecided: it does not wait any more
    """
    if not reason.strip():
        raise ReasonMissing
    _decide(
        request, _State.REFUSED, decided_at=at, decided_by=actor.name, reason=reason.strip()[:200]
    )
    _record(request, action="certificate_request.refuse", at=at, actor=actor)
    return request


def withdraw(
    *, card: Card | None = None, device: Device | None = None, issuer: Issuer | None = None
) -> int:
    """Withdraw what waits for a card that was closed, or on a phone that was revoked; return how
    many. Of a card taken off one phone, or of an issuer's all, what staff agreed to before holds no
    longer: several name what all of them have in common.
    """
    asked = {"card": card, "device": device, "issuer": issuer}
    named = {name: row for name, row in asked.items() if row is not None}
    assert named, "nobody withdraws them all"
    rows = CertificateRequest.objects.filter(state__in=_OPEN, **named)
    return rows.update(state=_State.WITHDRAWN)


def _decide(request: CertificateRequest, to: str, **changes: object) -> None:
    """Move a request as it is now, of two people who decide at once one alone."""
    locked = CertificateRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if to not in CertificateRequest.TRANSITIONS.get(locked.state, frozenset()):
        raise RequestDecided
    request.state = locked.state
    request.transition(to, **changes)


def _record(request: CertificateRequest, *, action: str, at: datetime, actor: Actor) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="card",
        subject=request.card.reference,
        tenant=request.issuer.reference,
        at=at,
        reason=request.reason,
        after={"device": request.device.reference, "request": request.pk},
    )
