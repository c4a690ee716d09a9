"""A phone takes a request up, gives it back, or declines it (protocol §4.1)."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from config import pipeline, repetitions
from config.models import Device
from config.pipeline import Statement
from config.refusals import Refused
from config.repetitions import Call
from merchants.services.equipment import MerchantSuspended
from settlement.rules.requests import Request
from settlement.services.payments import expiry, rows
from settlement.services.payments.refusals import (
    PaymentApproving,
    PaymentFinal,
    TerminalRevoked,
    TidClaimed,
    TidNotClaimed,
    TidUnknown,
)

CUSTOMER_DECLINED: Final = "customer_declined"


def claim(*, device: Device, tid: str, at: datetime) -> Request:
    """
    Give the phone the claim for 45 s, or renew it; nobody else can approve meanwhile.

    :raises TidUnknown: no terminal has asked yet: the phone may be first, and asks again
    :raises PaymentFinal: it has ended
    :raises TidClaimed: another phone's claim lives
    :raises MerchantSuspended, TerminalRevoked: as :func:`barred` says
    """
    return _settled(_claim(device, tid, at))


def release(*, device: Device, tid: str, at: datetime) -> Request:
    """
    Give the claim back, so that another phone can pay.

    :raises TidUnknown, PaymentFinal: as :func:`claim`
    :raises TidNotClaimed: the claim is not this phone's, or not any more
    :raises PaymentApproving: the issuer is being asked
    """
    return _settled(_release(device, tid, at))


def decline(*, device: Device, tid: str, at: datetime) -> Request:
    """
    End it at the customer's wish: DECLINED, ``customer_declined``.

    :raises TidUnknown, PaymentFinal, TidNotClaimed, PaymentApproving: as :func:`release`
    """
    return _settled(_decline(device, tid, at))


def take_back(*, device: Device, tid: str, at: datetime) -> Request:
    """
    Take the claim back at the wish of the terminal that asked, so that another phone can pay.

    One that nobody holds stays as it is.

    :raises TidUnknown: no such request of this terminal
    :raises PaymentFinal, PaymentApproving: as :func:`release`
    """
    return _settled(_take_back(device, tid, at))


def claim_until(request: Request, *, at: datetime) -> datetime:
    """Return when a claim made or renewed now ends: never after the request itself."""
    ends = at + timedelta(seconds=settings.TTL_S["CLAIM"])
    return ends if request.expires_at is None else min(ends, request.expires_at)


def barred(request: Request) -> Refused | None:
    """Return why an open request is paid by nobody now, whenever it was made (protocol §3)."""
    if request.shop.is_suspended:
        return MerchantSuspended()
    return TerminalRevoked() if request.shop.is_revoked else None


def _settled(word: Request | Refused) -> Request:
    """Raise what a transaction returned as a refusal: what time had ended stays ended."""
    if isinstance(word, Refused):
        raise word
    return word


@transaction.atomic
def _claim(device: Device, tid: str, at: datetime) -> Request | Refused:
    request, writes = _open(tid, at)
    word: Request | Refused = request
    if request.is_final:
        word = PaymentFinal(state=request.state)
    elif request.is_claimed_by_another(device.pk, at=at):
        word = TidClaimed()
    elif (refusal := barred(request)) is not None:
        word = refusal
    elif request.state != "APPROVING":
        until = claim_until(request, at=at)
        word = request._replace(state="CLAIMED", claimed_by=device.pk, claim_expires_at=until)
        if request.state != "CLAIMED":
            writes += rows.moved(request, word, kind="claimed", at=at)
        writes.append(rows.claimed(request, device_id=device.pk, until=until))
        if request.state == "CLAIMED":
            again = repetitions.of_device(
                subject=tid, call=Call.CLAIM, device=device.reference, at=at
            )
            writes.append(again)
    pipeline.run(*writes)
    return word


@transaction.atomic
def _release(device: Device, tid: str, at: datetime) -> Request | Refused:
    request, writes = _open(tid, at)
    word = _refused(request, device, at) or request._replace(
        state="REQUESTED", claimed_by=None, claim_expires_at=None
    )
    if isinstance(word, Request):
        writes += [*rows.moved(request, word, kind="released", at=at), rows.unclaimed(request)]
    pipeline.run(*writes)
    return word


@transaction.atomic
def _take_back(device: Device, tid: str, at: datetime) -> Request | Refused:
    request, writes = _open(tid, at)
    if request.shop.device_id != device.pk:
        raise TidUnknown
    word = _not_open(request) or request
    if isinstance(word, Request) and request.state == "CLAIMED":
        word = request._replace(state="REQUESTED", claimed_by=None, claim_expires_at=None)
        writes += [*rows.moved(request, word, kind="released", at=at), rows.unclaimed(request)]
    pipeline.run(*writes)
    return word


@transaction.atomic
def _decline(device: Device, tid: str, at: datetime) -> Request | Refused:
    request, writes = _open(tid, at)
    word = _refused(request, device, at) or request._replace(
        state="DECLINED", decline_reason=CUSTOMER_DECLINED
    )
    if isinstance(word, Request):
        writes += rows.moved(
            request, word, kind="declined", at=at, decline_reason=CUSTOMER_DECLINED
        )
    pipeline.run(*writes)
    return word


def _open(tid: str, at: datetime) -> tuple[Request, list[Statement]]:
    """Return the locked request as time has left it, and what makes it so.

    :raises TidUnknown: there is none
    """
    (answer,) = pipeline.run(rows.locked(tid=tid))
    request = rows.request_of(answer)
    if request is None:
        raise TidUnknown
    return expiry.ending(request, at=at)


def _refused(request: Request, device: Device, at: datetime) -> Refused | None:
    if not request.is_final and not request.is_claimed_by(device.pk, at=at):
        return TidNotClaimed()
    return _not_open(request)


def _not_open(request: Request) -> Refused | None:
    if request.is_final:
        return PaymentFinal(state=request.state)
    return PaymentApproving() if request.state == "APPROVING" else None
