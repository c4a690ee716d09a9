"""What lies beside a payment's own records: every message, retry and change that bears its name.

Plan and benefits, the till's checkout, the issuer's word, the relay's bill, datagrams, uploads that
were refused, webhooks, payouts and acts of staff. Each step says for whom it is: a shop's wires are
no issuer's business, nor a phone's own copies a shop's.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from config.models import Alert, Audit, Event
from config.wire import b64
from issuers.models import Authorisation, Hold, RefundAdvice, RemoteAuthorisation
from merchants.models import DatagramRecord, WebhookAttempt, WebhookDelivery
from merchants.selectors import notifications
from settlement.models import AtcSeen, Batch, Payment, PayoutLine
from settlement.selectors import trace_ahead, trace_benefits, trace_repeats
from settlement.selectors.traced import Audience, Traced
from wallets.models import OfflineCopy

# No issuer's own system is asked about these.
_DECIDED_HERE: Final = frozenset({Payment.Channel.OFFLINE, Payment.Channel.PREAPPROVAL})
DATAGRAMS_MOST: Final = 200  # a terminal that asks every second fills pages with the same


class Step(StrEnum):
    """What happened; :mod:`settlement.portal.traces` has the words."""

    BILL_SIGNED = "BILL_SIGNED"
    BILL_VOIDED = "BILL_VOIDED"
    BILL_BROUGHT = "BILL_BROUGHT"
    ALARM = "ALARM"
    DATAGRAM = "DATAGRAM"
    AUTHORISED = "AUTHORISED"
    ISSUER_ASKED = "ISSUER_ASKED"
    ISSUER_ENDED = "ISSUER_ENDED"
    ISSUER_REVERSED = "ISSUER_REVERSED"
    ISSUER_REFUND_DUE = "ISSUER_REFUND_DUE"
    ISSUER_REFUND_TOLD = "ISSUER_REFUND_TOLD"
    HELD = "HELD"
    HOLD_ENDED = "HOLD_ENDED"
    UPLOAD_REFUSED = "UPLOAD_REFUSED"
    COPY_CAME = "COPY_CAME"
    WEBHOOK = "WEBHOOK"
    IN_PAYOUT = "IN_PAYOUT"
    ACT = "ACT"


def trace_of(*, payment: Payment) -> Iterator[Traced]:
    """Yield the steps in no order; a fixed number of queries, whatever there is of them."""
    yield from _bill(payment)
    yield from _datagrams(payment)
    yield from _authorisations(payment)
    if payment.channel not in _DECIDED_HERE:
        yield from _remote(payment)
    yield from _uploads(payment)
    yield from _copies(payment)
    yield from _webhooks(payment)
    yield from _payouts(payment)
    yield from _acts(payment)
    yield from trace_repeats.of(payment=payment)
    if payment.channel == Payment.Channel.PREAPPROVAL:
        yield from trace_ahead.of(payment=payment)
    for said in trace_benefits.of(payment=payment):
        yield Traced(at=said.at, step=said.step, audience=Audience.SHOP, facts=said.facts)


def _bill(payment: Payment) -> Iterator[Traced]:
    request = payment.request if hasattr(payment, "request") else None
    if request is None or request.bill_digest is None:
        return
    digest = {"digest": bytes(request.bill_digest).hex()[:12]}
    yield Traced(at=payment.created_at, step=Step.BILL_SIGNED, facts=digest)
    if request.bill_voided_at is not None:
        yield Traced(at=request.bill_voided_at, step=Step.BILL_VOIDED)
    alarms = Alert.objects.filter(tenant=payment.merchant.reference, subject=request.tid)
    for alarm in alarms.order_by("pk"):
        facts = {"kind": alarm.kind, "detail": alarm.detail}
        yield Traced(at=alarm.raised_at, step=Step.ALARM, audience=Audience.SHOP, facts=facts)


def _datagrams(payment: Payment) -> Iterator[Traced]:
    if not hasattr(payment, "request"):
        return
    rows = notifications.datagrams_of(tid=payment.request.tid).reverse()[:DATAGRAMS_MOST]
    for row in rows:
        yield Traced(
            at=row.at, step=Step.DATAGRAM, audience=Audience.SHOP, facts=_datagram_facts(row)
        )


def _datagram_facts(row: DatagramRecord) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "inward": row.direction == "IN",
        "address": f"{row.address}:{row.port}",
        "state": row.state,
        "message": row.message,
    }


def _authorisations(payment: Payment) -> Iterator[Traced]:
    documents = _documents(payment)
    for word in Authorisation.objects.filter(document__in=documents) if documents else []:
        facts = {"amount_minor": word.amount_minor, "reason": word.decline_reason}
        yield Traced(at=word.decided_at, step=Step.AUTHORISED, facts=facts)
        # The issuer is asked after the bill alone: whoever approved had fetched it at the relay.
        if payment.channel == Payment.Channel.RELAY:
            yield Traced(at=word.decided_at, step=Step.BILL_BROUGHT)


def _remote(payment: Payment) -> Iterator[Traced]:
    """Yield what the issuer's own system was asked, and what was set aside meanwhile."""
    for asked in RemoteAuthorisation.objects.filter(document=payment.reference):
        facts = {"amount_minor": asked.amount_minor, "attempts": asked.attempts}
        yield Traced(at=asked.asked_at, step=Step.ISSUER_ASKED, facts=facts)
        if asked.ended_at is not None:
            ended = {"state": asked.state}
            yield Traced(at=asked.ended_at, step=Step.ISSUER_ENDED, facts=ended)
        if asked.reversed_at is not None:
            yield Traced(at=asked.reversed_at, step=Step.ISSUER_REVERSED)
        yield from _holds(payment)
        if asked.refunded_minor:
            yield from _told_of_refunds(payment)


def _told_of_refunds(payment: Payment) -> Iterator[Traced]:
    """Yield what the issuer's own system is told of refunds, and when it had taken note."""
    for advice in RefundAdvice.objects.filter(authorisation__document=payment.reference):
        facts = {
            "refund": advice.reference,
            "amount_minor": advice.amount_minor,
            "attempts": advice.attempts,
            "told": advice.told_at is not None,
        }
        yield Traced(at=advice.due_at, step=Step.ISSUER_REFUND_DUE, facts=facts)
        if advice.told_at is not None:
            yield Traced(at=advice.told_at, step=Step.ISSUER_REFUND_TOLD, facts=facts)


def _documents(payment: Payment) -> list[str]:
    """Return what the issuer knows it by: its reference, or the payload of a tap asked online."""
    if payment.atc is None:
        return [payment.reference]
    if payment.decided_at is None:
        return []
    seen = AtcSeen.objects.filter(credential=payment.credential_id, atc=payment.atc)
    return [b64.encode(bytes(each)) for each in seen.values_list("payload_digest", flat=True)]


def _holds(payment: Payment) -> Iterator[Traced]:
    for hold in Hold.objects.filter(document=payment.reference):
        facts = {"amount_minor": hold.amount_minor, "state": hold.state}
        yield Traced(at=hold.held_at, step=Step.HELD, audience=Audience.ISSUER, facts=facts)
        if hold.ended_at is not None:
            yield Traced(
                at=hold.ended_at, step=Step.HOLD_ENDED, audience=Audience.ISSUER, facts=facts
            )


def _uploads(payment: Payment) -> Iterator[Traced]:
    """Yield the uploads under the number of its batch that were refused before one was taken."""
    if payment.channel != Payment.Channel.OFFLINE:
        return
    taken = payment.batch_records.values("batch__device", "batch__sequence")
    for device, sequence in {(row["batch__device"], row["batch__sequence"]) for row in taken}:
        refused = Batch.objects.filter(
            device=device, sequence=sequence, state=Batch.State.REFUSED
        ).defer("content")
        for batch in refused.order_by("pk"):
            facts = {"sequence": batch.sequence, "refusal": batch.refusal}
            yield Traced(
                at=batch.received_at,
                step=Step.UPLOAD_REFUSED,
                audience=Audience.SHOP,
                facts=facts,
            )


def _copies(payment: Payment) -> Iterator[Traced]:
    if payment.credential_id is None or payment.atc is None:
        return
    rows = OfflineCopy.objects.filter(credential=payment.credential_id, atc=payment.atc)
    for copy in rows.order_by("pk"):
        facts = {"amount_minor": copy.amount_minor}
        yield Traced(
            at=copy.received_at, step=Step.COPY_CAME, audience=Audience.ISSUER, facts=facts
        )


def _webhooks(payment: Payment) -> Iterator[Traced]:
    """Yield each attempt at telling the shop's servers of the payment's events."""
    events = Event.objects.filter(subject=payment.reference, seq__isnull=False)
    told = dict(events.values_list("seq", "at"))
    deliveries = {
        row.pk: row
        for row in WebhookDelivery.objects.filter(
            endpoint__merchant=payment.merchant_id, seq__in=told, at__in=told.values()
        ).select_related("endpoint")
    }
    attempts = WebhookAttempt.objects.filter(delivery_id__in=deliveries)
    for attempt in attempts.order_by("delivery_id", "number"):
        delivery = deliveries[attempt.delivery_id]
        facts = {
            "type": delivery.type,
            "endpoint": delivery.endpoint.reference,
            "number": attempt.number,
            "answer": attempt.status or attempt.error,
            "taken": attempt.status is not None and attempt.status < 300,
        }
        yield Traced(at=attempt.at, step=Step.WEBHOOK, audience=Audience.SHOP, facts=facts)


def _payouts(payment: Payment) -> Iterator[Traced]:
    rows = PayoutLine.objects.filter(payment=payment).select_related("payout", "refund")
    for row in rows.order_by("pk"):
        facts = {
            "payout": row.payout.reference,
            "reversal": row.reversal,
            "refund": row.refund.reference if row.refund else "",
        }
        yield Traced(
            at=row.payout.created_at, step=Step.IN_PAYOUT, audience=Audience.SHOP, facts=facts
        )


def _acts(payment: Payment) -> Iterator[Traced]:
    """Yield what people and servers did to it, by the audit trail."""
    rows = Audit.objects.filter(subject_kind="payment", subject=payment.reference)
    for row in rows.order_by("pk"):
        facts = {
            "action": row.action,
            "actor_kind": row.actor_kind,
            "reason": row.reason,
            "request": row.request_id,
        }
        yield Traced(at=row.at, step=Step.ACT, audience=Audience.SHOP, facts=facts)
