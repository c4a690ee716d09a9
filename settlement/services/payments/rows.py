"""The rows of a request to pay: read and locked by one statement, moved by others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from config import events
from config.pipeline import Answer, Statement
from config.states import InvalidTransition
from settlement.rules import told
from settlement.rules.requests import Request, Shop

_SHOP: Final = 13
_COLUMNS: Final = """
SELECT p.id, p.reference, p.channel, p.state, p.amount_minor, p.currency, p."order",
       p.approval_code, p.decline_reason, p.refunded_minor, p.created_at, p.approved_at,
       p.business_date, COALESCE((SELECT last4 FROM issuers_card c WHERE c.id = p.card_id), ''),
       p.card_id, p.bearer,
       COALESCE(r.tid, ''), r.expires_at, r.bill_digest, r.bill_voided_at, r.claimed_by_id,
       r.claim_expires_at,
       m.id, m.reference, m.name, m.time_zone, s.id, s.reference, s.name, d.id, d.reference,
       (SELECT number FROM merchants_equipment e WHERE e.device_id = d.id),
       (SELECT max(c.business_date) FROM settlement_dayclose c WHERE c.merchant_id = m.id),
       m.state <> 'ACTIVE', d.state <> 'ACTIVE'
  FROM settlement_payment p
"""
_SHOPS: Final = """
  JOIN merchants_merchant m ON m.id = p.merchant_id
  JOIN merchants_store s ON s.id = p.store_id
  JOIN config_device d ON d.id = p.device_id
"""
_BY_TID: Final = f"""
{_COLUMNS}  JOIN settlement_paymentrequest r ON r.payment_id = p.id {_SHOPS} WHERE r.tid = %s
"""
_BY_REFERENCE: Final = f"""
{_COLUMNS}  LEFT JOIN settlement_paymentrequest r ON r.payment_id = p.id {_SHOPS}
 WHERE p.reference = %s
"""


def locked(*, tid: str) -> Statement:
    """Return the statement that locks the payment under ``tid`` and reads all of it."""
    return Statement(f"{_BY_TID} FOR NO KEY UPDATE OF p, r", [tid])


def locked_payment(*, reference: str) -> Statement:
    """Return the statement that locks a payment of any channel.

    Its request, if it has one, is only written under the payment's lock.
    """
    return Statement(f"{_BY_REFERENCE} FOR NO KEY UPDATE OF p", [reference])


def unlocked(*, tid: str) -> Statement:
    """Return the statement that reads the payment under ``tid`` as it was committed last."""
    return Statement(_BY_TID, [tid])


def request_of(answer: Answer) -> Request | None:
    """Return what one of these statements found; None for an unknown T-ID or reference."""
    if answer.row is None:
        return None
    *own, digest, voided, by, ends = answer.row[:-_SHOP]
    digest = None if digest is None else bytes(digest)
    return Request._make([*own, digest, voided, by, ends, Shop(*answer.row[-_SHOP:])])


def moved(
    before: Request, after: Request, *, kind: str, at: datetime, **columns: Any
) -> list[Statement]:
    """
    Return the statements that move a payment, and tell of it in its history.

    ``after``: the payment as its event tells it; ``columns``: further ones of its row. The first
    answer goes to :func:`check_moved`.
    """
    move = moved_untold(before, to=after.state, **columns)
    written = [_ended(before, at)] if after.is_final and not before.is_final else []
    return [move, *written, *event(after, kind=f"payment.{kind}", at=at)]


def moved_untold(before: Request, *, to: str, **columns: Any) -> Statement:
    """Return the statement that moves a payment to a state of which no event tells.

    That is APPROVING (protocol §4); ``columns``: further ones of its row.
    """
    named = "".join(f", {name} = %s" for name in columns)
    return Statement(
        f"UPDATE settlement_payment SET state = %s{named} WHERE id = %s AND state = %s",  # noqa: S608
        [to, *columns.values(), before.payment_id, before.state],
    )


def check_moved(answers: Sequence[Answer]) -> None:
    """Refuse a move that found the payment in another state than the lock had shown.

    :raises InvalidTransition: it was moved meanwhile, which the lock excludes
    """
    if answers[0].touched != 1:
        raise InvalidTransition("The payment was moved meanwhile.")


def _ended(request: Request, at: datetime) -> Statement:
    return Statement(
        "UPDATE settlement_paymentrequest SET ended_at = %s WHERE payment_id = %s",
        [at, request.payment_id],
    )


def claimed(request: Request, *, device_id: int, until: datetime) -> Statement:
    """Return the statement that gives the claim to a phone, or renews it."""
    return Statement(
        "UPDATE settlement_paymentrequest SET claimed_by_id = %s, claim_expires_at = %s"
        " WHERE payment_id = %s",
        [device_id, until, request.payment_id],
    )


def unclaimed(request: Request) -> Statement:
    """Return the statement that takes the claim back."""
    return Statement(
        "UPDATE settlement_paymentrequest SET claimed_by_id = NULL, claim_expires_at = NULL"
        " WHERE payment_id = %s",
        [request.payment_id],
    )


def event(request: Request, *, kind: str, at: datetime, **more: Any) -> list[Statement]:
    """Return the statements that append an event of the payment as ``request`` shows it.

    ``more``: what stands beside the payment in the event's body.
    """
    body = {"payment": as_told(request), **more}
    written = events.writing(
        scope=request.shop.merchant, kind=kind, subject=request.reference, at=at, body=body
    )
    return [written, events.waking()]


def as_told(request: Request) -> dict[str, Any]:
    """Return the payment as protocol §8 tells it."""
    return told.payment(
        reference=request.reference,
        channel=request.channel,
        state=request.state,
        amount_minor=request.amount_minor,
        currency=request.currency,
        store=request.shop.store,
        device=request.shop.device,
        last4=request.last4,
        approval_code=request.approval_code,
        created_at=request.created_at,
        approved_at=request.approved_at,
        tid=request.tid,
        order=request.order,
        decline_reason=request.decline_reason,
        refunded_minor=request.refunded_minor,
    )
