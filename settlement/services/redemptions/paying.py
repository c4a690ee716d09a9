"""The payment of what a machine paid out: born approved, with its posting, as one unit."""

from datetime import datetime
from typing import Final

from config import pipeline, references
from config.pipeline import Statement
from issuers.services import accounts
from issuers.services import authorise as issuer
from issuers.services.authorise import Asked
from merchants.services import agreements
from settlement.models import Redemption
from settlement.rules import fees
from settlement.rules.requests import Request
from settlement.services.payments import decisions, rows


def pay(*, redemption: Redemption, dispensed_minor: int, at: datetime) -> int:
    """
    Take what was dispensed out of what is held, and pay the machine's merchant; return the id of
    the payment. What is left of the hold is free again.

    The money is out of the machine: a card blocked or limits lowered since change nothing.
    """
    card = redemption.preapproval.card
    asked = _asked(redemption, at)
    request = _born(redemption, dispensed_minor, at)
    accounts.capture(document=redemption.preapproval.reference, amount_minor=dispensed_minor, at=at)
    (terms,) = pipeline.run(agreements.terms_at(merchant=request.shop.merchant, at=at))
    word = decisions.approved(
        request=request,
        asked=asked,
        terms=[fees.Terms(*row) for row in terms.rows],
        taken=[],
        at=at,
        decided_at=at,
    )
    answers = pipeline.run(*word.writes)
    rows.check_moved(answers)
    decisions.check_posted(request=request, asked=asked, answer=answers[-1], at=at)
    assert asked.card_id == card.pk, "it is paid by the card it was approved on"
    return request.payment_id


def _asked(redemption: Redemption, at: datetime) -> Asked:
    """Lock card and account, in this order."""
    preapproval = redemption.preapproval
    token = bytes(preapproval.card.token)
    questions = issuer.questions(token=token, phone_id=preapproval.device_id, at=at)
    asked = issuer.asked(pipeline.run(*questions))
    assert asked is not None, "a card's row stays"
    return asked


def _born(redemption: Redemption, minor: int, at: datetime) -> Request:
    """Insert the payment and return it, locked; its first event tells of the approval."""
    reference = references.new("PAY")
    insert = Statement(
        _INSERT,
        [
            *(reference, minor, redemption.currency, redemption.store_id, redemption.device_id),
            *(at, at, redemption.merchant_id),
        ],
    )
    _made, found = pipeline.run(insert, rows.locked_payment(reference=reference))
    request = rows.request_of(found)
    assert request is not None, "it was inserted just now"
    return request


_INSERT: Final = """
INSERT INTO settlement_payment
       (reference, channel, state, amount_minor, currency, merchant_id, store_id, device_id,
        "order", bearer, business_date, created_at, approval_code, bearer_cause, fee_minor)
SELECT %s, 'PREAPPROVAL', 'REQUESTED', %s, %s, m.id, %s, %s, '', 'CARDHOLDER',
       (%s::timestamptz AT TIME ZONE m.time_zone)::date, %s, '', '', 0
  FROM merchants_merchant m WHERE m.id = %s
"""
