"""Payments by T-ID as the server knows them: a history of events, and who asks for the last one.

What settlement does for the portal, this does for these tests, out of the same event rows.
"""

from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from config import events
from config.models import Event
from merchants.wire import tid as tids


class TidStatus(NamedTuple):
    tid: str
    device_number: int
    state: str
    amount_minor: int
    currency: str
    approval_code: str


def statuses(*, tids):
    """Return the newest state of each of ``tids`` that was posted."""
    rows = Event.objects.filter(subject__in=list(tids)).order_by("id")
    return {row.subject: _status(row.body["payment"]) for row in rows}


def post(terminal, *, amount=12_500, counter=None):
    """Post a request to pay, and return its T-ID."""
    tid = terminal.new_tid(amount=amount, counter=counter)
    become(tid, "REQUESTED", amount=amount)
    return tid


def become(tid, state, *, amount=12_500, approval_code="", is_told=True):
    """Let the payment be in ``state``; without ``is_told`` its event wakes nobody, nor is heard."""
    payment = {"tid": tid, "state": state, "amount": amount, "currency": "KRW"}
    body = {"payment": {**payment, "approval_code": approval_code}}
    kind = f"payment.{state.lower()}" if is_told else "unheard"
    with transaction.atomic():
        events.write(scope="MER-1", kind=kind, subject=tid, at=timezone.now(), body=body)


def _status(told):
    return TidStatus(
        tid=told["tid"],
        device_number=tids.parse(told["tid"]).number,
        state=told["state"],
        amount_minor=told["amount"],
        currency=told["currency"],
        approval_code=told["approval_code"],
    )
