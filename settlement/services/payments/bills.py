"""The bill that a phone fetched from a relay, held against what its terminal registered.

Refusals, first wins: ``bill_required bill_altered relay_revoked relay_unpaired bill_foreign
bill_voided bill_expired`` (protocol §4.1).
"""

import hashlib
import hmac
from datetime import datetime

from config.models import Alert
from config.pipeline import Answer, Statement
from config.refusals import Refused
from config.wire.errors import WireError
from merchants.services import relays
from merchants.wire import Bill
from settlement.models import PaymentRequest
from settlement.rules.requests import Request
from settlement.services.payments.refusals import (
    BillAltered,
    BillExpired,
    BillForeign,
    BillRequired,
    BillVoided,
    RelayRevoked,
    RelayUnpaired,
)


def read(bill: bytes | None) -> Bill | None:
    """Return what the bytes say; None where they are no bill."""
    if bill is None:
        return None
    try:
        return Bill.peek(bill)
    except WireError:
        return None


def question(said: Bill | None, *, tid: str) -> Statement:
    """Return the statement that reads what there is to know of the bill's relay."""
    relay = "" if said is None else said.relay
    terminal = "SELECT payment_id FROM settlement_paymentrequest WHERE tid = %s"
    device = f"(SELECT device_id FROM settlement_payment WHERE id = ({terminal}))"  # noqa: S608
    return relays.standing(relay=relay, terminal=device, parameters=[tid])


def refusal_of(
    *, request: Request, bill: bytes | None, said: Bill | None, relay: Answer, at: datetime
) -> Refused | None:
    """Return why the bill does not do for this request; None where none is asked for, or it fits.

    The terminal's own signed request registered the digest: equal bytes are the terminal's.
    """
    if request.bill_digest is None:
        return None
    if bill is None:
        return BillRequired()
    digest = hashlib.sha256(bill).digest()
    if said is None or not hmac.compare_digest(digest, request.bill_digest):
        return BillAltered()
    return _relay_refusal(request, relays.Standing.of(relay)) or _bill_refusal(request, said, at)


def _relay_refusal(request: Request, standing: relays.Standing) -> Refused | None:
    if standing.is_revoked:
        return RelayRevoked()
    own = standing.owner == request.shop.merchant
    if not own:
        return BillForeign()
    return None if standing.is_paired else RelayUnpaired()


def _bill_refusal(request: Request, said: Bill, at: datetime) -> Refused | None:
    if not _is_of(said, request):
        return BillForeign()
    if request.bill_voided_at is not None:
        return BillVoided()
    return BillExpired() if at.timestamp() >= said.expires else None


def _is_of(said: Bill, request: Request) -> bool:
    asked = (request.shop.merchant, request.shop.number, request.tid)
    money = (request.amount_minor, request.currency, request.order)
    return (said.merchant, said.terminal, said.tid, said.amount, said.currency, said.order) == (
        *asked,
        *money,
    )


def alert(*, tid: str, at: datetime) -> None:
    """Tell the request's own shop that somebody brought a bill which its terminal never made."""
    merchant = PaymentRequest.objects.values_list("payment__merchant__reference", flat=True)
    Alert.objects.get_or_create(
        kind="bill_altered",
        subject=tid,
        cleared_at=None,
        defaults={
            "tenant": merchant.get(tid=tid),
            "detail": "A phone brought a bill other than the one the terminal registered.",
            "raised_at": at,
        },
    )
