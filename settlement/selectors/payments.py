"""Payments as a merchant's own server and its live screens see them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet

from config import events, following
from config.models import Device, Event
from config.refusals import NotFound
from merchants.models import Merchant
from settlement.models import Payment
from settlement.rules import told
from settlement.selectors.typed import LOOK_BACK_DAYS, payments_matching

FOUND_MOST: Final = 50


def payments_of_merchant(*, merchant: str) -> QuerySet[Payment]:
    """Return the payments of the merchant with that reference, newest first."""
    rows = Payment.objects.filter(merchant__reference=merchant)
    return rows.select_related("merchant", "store", "device", "card", "request").order_by("-id")


def page_of_merchant(*, merchant: str, after: str, limit: int) -> list[Payment]:
    """Return up to ``limit`` payments older than the one named ``after`` ("": the newest).

    :raises NotFound: the merchant has no payment of that reference
    """
    rows = payments_of_merchant(merchant=merchant)
    if after:
        rows = rows.filter(pk__lt=payment_of_merchant(merchant=merchant, reference=after).pk)
    return list(rows[:limit])


def payment_of_merchant(*, merchant: str, reference: str) -> Payment:
    """Return one payment of a merchant.

    :raises NotFound: unknown, or another merchant's
    """
    payment = payments_of_merchant(merchant=merchant).filter(reference=reference).first()
    if payment is None:
        raise NotFound
    return payment


def found_of_merchant(*, merchant: str, typed: str, at: datetime) -> list[Payment]:
    """Return the merchant's payments that ``typed`` may mean, newest first, at most ``FOUND_MOST``.

    As :func:`settlement.selectors.typed.payments_matching`; ``merchant``: its reference.
    """
    currencies = Merchant.objects.filter(reference=merchant).values_list("currency", flat=True)
    since = (at - timedelta(days=LOOK_BACK_DAYS)).date()
    rows = payments_of_merchant(merchant=merchant)
    found = payments_matching(rows, typed=typed, currencies=currencies, since=since)
    return list(found[:FOUND_MOST])


def payments_named(*, references: Iterable[str]) -> dict[str, Payment]:
    """Return the payments of these references, each with its merchant; unknown ones are left out.

    For who has them from a list of their own: nobody's rights are asked here.
    """
    rows = Payment.objects.filter(reference__in=list(references)).select_related("merchant")
    return {row.reference: row for row in rows}


def reference_of(*, name: str, device: Device | None, merchant: str) -> str:
    """Return the reference of a payment by its T-ID or reference, as its owner may name it.

    ``device``: the terminal that asks, for its own payments alone; else ``merchant``'s reference.

    :raises NotFound: unknown, or another's
    """
    rows = (
        Payment.objects.filter(device=device) if device else payments_of_merchant(merchant=merchant)
    )
    found = rows.filter(Q(request__tid=name) | Q(reference=name)).values_list("reference").first()
    if found is None:
        raise NotFound
    return str(found[0])


def live_rows(*, merchant: str, after: int, limit: int) -> list[Event]:
    """Return the merchant's events numbered above ``after``, oldest first, without a gap.

    Each tells its payment or batch as it was then, in ``body``; a screen shows the newest of each.
    """
    return events.after(scope=merchant, seq=after, limit=limit)


async def live_frames(*, merchant: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Return what :func:`live_rows` does, told as sockets send it, for an event loop."""
    rows = await following.after(scope=merchant, seq=after, limit=limit)
    return [event_as_told(row) for row in rows]


def floor_of_events(*, merchant: str) -> int:
    """Return the number up to which the merchant's events may have been retired; 0 for none."""
    return events.floor(scope=merchant)


def as_told(payment: Payment) -> dict[str, Any]:
    """Return a payment as its events tell it, in its state of now (protocol §8)."""
    return told.payment(
        reference=payment.reference,
        channel=payment.channel,
        state=payment.state,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        store=payment.store.reference,
        device=payment.device.reference,
        last4=payment.card.last4 if payment.card else "",
        approval_code=payment.approval_code,
        created_at=payment.created_at,
        approved_at=payment.approved_at,
        tid=_tid_of(payment),
        order=payment.order,
        decline_reason=payment.decline_reason,
        refunded_minor=payment.refunded_minor,
    )


def _tid_of(payment: Payment) -> str:
    return payment.request.tid if hasattr(payment, "request") else ""


def event_as_told(event: Event) -> dict[str, Any]:
    """Return an event as the socket and the events endpoint send it (protocol §8)."""
    return {"seq": event.seq, "type": event.type, "at": told.time(event.at), **event.body}
