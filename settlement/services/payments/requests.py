"""A terminal asks to be paid, looks, and cancels (protocol §4.1)."""

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from config import pipeline, references, repetitions
from config.models import Device
from config.pipeline import Statement
from config.refusals import NotFound
from config.repetitions import Call
from config.wire.errors import WireError
from issuers.services import remote
from merchants.services import equipment
from merchants.wire import tid as tids
from settlement.rules.requests import OPEN, Request, Shop
from settlement.rules.sheet import business_date
from settlement.services.payments import expiry, planned, reversals, rows
from settlement.services.payments.refusals import (
    TidDigestMismatch,
    TidMalformed,
    TidReused,
    WrongTerminal,
)


class Asked(NamedTuple):
    """What a terminal asks for: minor units of ``currency``, under its own order number.

    ``bill_digest``: SHA-256 of the bill it left at a relay, 32 bytes; None without a relay.
    """

    tid: str
    amount_minor: int
    currency: str
    order: str
    bill_digest: bytes | None


def request(*, device: Device, asked: Asked, at: datetime) -> tuple[Request, bool]:
    """
    Take a terminal's request in; return it, and whether it is new.

    The same again is a resend and gets the same answer. A new bill for an order that another open
    one is for takes its place: that one's is void from then on.

    :raises TidMalformed: no T-ID
    :raises WrongTerminal: the T-ID carries another terminal's number
    :raises TidReused: it stands for something else
    :raises TidDigestMismatch: it was not made for this amount, currency and order
    """
    parts = _parts(asked.tid)
    known, shop = pipeline.run(
        rows.unlocked(tid=asked.tid), equipment.place_of(device_id=device.pk)
    )
    place = equipment.Place.of(shop, device=device)
    if parts.number != place.number:
        raise WrongTerminal
    existing = rows.request_of(known)
    if existing is None:
        _check_digest(asked, place)
        existing = _added(asked, place, at)
        if existing is None:  # the same request came twice at once
            existing = _known(asked.tid)
        else:
            return existing, True
    if _said(existing) != asked:
        raise TidReused
    told = _as_of_now(existing, at)
    repetitions.note(subject=asked.tid, call=Call.REQUEST, device=device.reference, at=at)
    return told, False


def seen_by_terminal(*, device: Device, tid: str, at: datetime) -> Request:
    """Return the payment as its own terminal may see it.

    :raises NotFound: unknown, or another terminal's
    """
    (answer,) = pipeline.run(rows.unlocked(tid=tid))
    found = rows.request_of(answer)
    if found is None or found.shop.device_id != device.pk:
        raise NotFound
    return _as_of_now(found, at)


@transaction.atomic
def cancel(*, device: Device, tid: str, at: datetime) -> Request:
    """
    Cancel what is open, reverse what was approved first; return the payment as it is then.

    One that ended otherwise stays as it ended.

    :raises NotFound: unknown, or another terminal's
    :raises AlreadyCleared, AlreadyRefunded: as :func:`reversals.reverse`
    """
    (answer,) = pipeline.run(rows.locked(tid=tid))
    found = rows.request_of(answer)
    if found is None or found.shop.device_id != device.pk:
        raise NotFound
    if found.is_final and found.state != "APPROVED":
        repetitions.note(subject=tid, call=Call.CANCEL, device=device.reference, at=at)
    return cancel_locked(found, at=at)


def cancel_locked(request: Request, *, at: datetime) -> Request:
    """Cancel or reverse a payment that this transaction has locked; its terminal or its shop asks.

    :raises AlreadyCleared, AlreadyRefunded: as :func:`reversals.reverse`
    """
    if request.state == "APPROVED":
        return reversals.reverse_locked(request, at=at)
    request, writes = expiry.ending(request, at=at)
    if not request.is_final:
        after = request._replace(state="CANCELLED")
        writes += rows.moved(request, after, kind="cancelled", at=at)
        if request.state == "APPROVING":
            planned.release_held(document=request.reference, at=at)
            writes += remote.releasing(document=request.reference, at=at, is_told=False)
        request = after
    pipeline.run(*writes)
    return request


def _parts(tid: str) -> tids.Tid:
    try:
        return tids.parse(tid)
    except WireError as wrong:
        raise TidMalformed from wrong


def _check_digest(asked: Asked, place: equipment.Place) -> None:
    fits = tids.fits(
        tid=asked.tid,
        amount=asked.amount_minor,
        currency=asked.currency,
        order=asked.order,
        secret=place.secret(),
    )
    if not fits:
        raise TidDigestMismatch


def _said(request: Request) -> Asked:
    return Asked(
        request.tid, request.amount_minor, request.currency, request.order, request.bill_digest
    )


def _known(tid: str) -> Request:
    (answer,) = pipeline.run(rows.unlocked(tid=tid))
    found = rows.request_of(answer)
    assert found is not None, "whoever took the T-ID has committed"
    return found


def _as_of_now(request: Request, at: datetime) -> Request:
    """Return it ended if its time is up, which is then written."""
    over = request.is_over(at=at) or request.claim_lapsed(at=at)
    if over and expiry.end(tid=request.tid, at=at):
        return _known(request.tid)
    return request


def _added(asked: Asked, place: equipment.Place, at: datetime) -> Request | None:
    """Insert payment, request and event; None where the T-ID was taken meanwhile."""
    day = business_date(at=int(at.timestamp()), time_zone=place.time_zone)
    fresh = _fresh(asked, place, day, at)
    try:
        with transaction.atomic():
            answers = pipeline.run(*_voiding(fresh, at), *_inserting(fresh))
    except IntegrityError:
        return None
    return fresh._replace(payment_id=answers[-1].rows[0][0])


def _fresh(asked: Asked, place: equipment.Place, day: date, at: datetime) -> Request:
    return Request(
        payment_id=0,
        reference=references.new("PAY"),
        channel="TID" if asked.bill_digest is None else "RELAY",
        state="REQUESTED",
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        order=asked.order,
        approval_code="",
        decline_reason="",
        refunded_minor=0,
        created_at=at,
        approved_at=None,
        business_date=day,
        last4="",
        card_id=None,
        bearer="CARDHOLDER",
        tid=asked.tid,
        expires_at=at + timedelta(seconds=settings.TTL_S["TID"]),
        bill_digest=asked.bill_digest,
        bill_voided_at=None,
        claimed_by=None,
        claim_expires_at=None,
        shop=Shop(
            merchant_id=place.merchant_id,
            merchant=place.merchant,
            merchant_name=place.merchant_name,
            time_zone=place.time_zone,
            store_id=place.store_id,
            store=place.store,
            store_name=place.store_name,
            device_id=place.device_id,
            device=place.device,
            number=place.number,
        ),
    )


def _voiding(fresh: Request, at: datetime) -> list[Statement]:
    """Return what voids the bills of the same order that are still open (mission 3.08)."""
    if fresh.bill_digest is None or not fresh.order:
        return []
    return [Statement(_VOID, [at, fresh.shop.merchant_id, fresh.order, list(OPEN)])]


def _inserting(fresh: Request) -> list[Statement]:
    shop = fresh.shop
    payment = [
        *(fresh.reference, fresh.channel, fresh.state, fresh.amount_minor, fresh.currency),
        *(shop.merchant_id, shop.store_id, shop.device_id, fresh.order, fresh.bearer),
        *(fresh.business_date, fresh.created_at),
    ]
    request = [fresh.tid, fresh.expires_at, fresh.bill_digest]
    told = rows.event(fresh, kind="payment.requested", at=fresh.created_at)
    return [*told, Statement(_INSERT, [*payment, *request])]


_VOID: Final = """
UPDATE settlement_paymentrequest r SET bill_voided_at = %s
  FROM settlement_payment p
 WHERE p.id = r.payment_id AND r.ended_at IS NULL AND r.bill_digest IS NOT NULL
   AND r.bill_voided_at IS NULL AND p.merchant_id = %s AND p."order" = %s AND p.state = ANY(%s)
"""
_INSERT: Final = """
WITH made AS (
    INSERT INTO settlement_payment
           (reference, channel, state, amount_minor, currency, merchant_id, store_id, device_id,
            "order", bearer, business_date, created_at, approval_code, bearer_cause, fee_minor)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', '', 0) RETURNING id
)
INSERT INTO settlement_paymentrequest (payment_id, tid, expires_at, bill_digest)
SELECT id, %s, %s, %s FROM made RETURNING payment_id
"""
