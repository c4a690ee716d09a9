"""Money of a payment goes back to whoever bore it: position, ledger and benefits in one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from benefits.models import Redemption
from benefits.services import clawing_back, restoring
from benefits.services.restoring import BackLine
from config import pipeline
from issuers.services import accounts
from issuers.services.accounts import Owed
from settlement.models import Transfer
from settlement.rules.requests import Request
from settlement.services import benefit_legs, ledger, legs, payables
from settlement.services.ledger import Draft
from settlement.services.payments.refusals import WholeOnly

_KINDS: Final = {Transfer.Code.REVERSAL: "reversal", Transfer.Code.REFUND: "refund"}
_OURS: Final = frozenset({"PSN", "NONE"})  # tenders with which the portal settles all of a purchase


class Back(NamedTuple):
    """What went back of a payment: minor units to the card, and lines of benefits."""

    by_card_minor: int
    lines: Sequence[BackLine]


class _Parts(NamedTuple):
    """What of an amount is the card's, what comes back of benefits, and its transfers."""

    by_card_minor: int
    lines: Sequence[BackLine]
    drafts: list[Draft]


def give_back(
    request: Request, *, code: Transfer.Code, amount_minor: int, key: str, at: datetime
) -> Back:
    """
    Move minor units from the shop back to the bearer of a payment this transaction has locked.

    What benefits paid of it goes back to them in proportion, and what it earned is taken back, once
    per ``key``; return what came back to the card and of benefits. What would come to an account
    closed meanwhile is due to its holder, and stands as an exception in the issuer's queue.

    :raises WholeOnly: the till's own cash box or reader took the rest: a part cannot be split here
    """
    parts = _benefits(request, code, amount_minor, key, at)
    drafts = list(parts.drafts)
    if parts.by_card_minor:
        drafts += _to_bearer(request, code, parts.by_card_minor, at)
    ledger.post_many(kind=_KINDS[code], transfers=drafts, at=at)
    return Back(parts.by_card_minor, parts.lines)


def _benefits(
    request: Request, code: Transfer.Code, amount_minor: int, key: str, at: datetime
) -> _Parts:
    """Give back what benefits paid; their rows are locked before any account."""
    used = Redemption.objects.filter(
        document=request.reference, state=Redemption.State.COMMITTED
    ).first()
    if used is None:
        clawing_back.claw_back(
            document=request.reference,
            key=key,
            refunded_minor=request.refunded_minor + amount_minor,
            purchase_minor=request.amount_minor,
            at=at,
        )
        return _Parts(amount_minor, [], [])
    if used.tender not in _OURS and amount_minor != request.amount_minor:
        raise WholeOnly
    back = restoring.refund(
        document=request.reference,
        key=key,
        amount_minor=amount_minor if used.tender in _OURS else used.purchase_minor,
        at=at,
    )
    by_card = back.tender_minor if used.tender in _OURS else 0
    drafts = benefit_legs.of_refund(
        request, code=code, lines=back.lines, left_minor=amount_minor - by_card
    )
    return _Parts(by_card, back.lines, drafts)


def _to_bearer(request: Request, code: Transfer.Code, minor: int, at: datetime) -> list[Draft]:
    assert request.card_id is not None, "a card paid it"
    held = accounts.lock_of_card(card_id=request.card_id)
    payer, payee = legs.of(request, account=held.account, issuer=held.issuer)
    drafts = [Draft(code, payee, payer, minor, request.payment_id)]
    if request.bearer == "CARDHOLDER" and held.is_open:
        pipeline.run(accounts.crediting(held, amount_minor=minor))
    elif request.bearer == "CARDHOLDER":
        left = Owed(account=held.account, currency=request.currency, amount_minor=minor)
        drafts += payables.opened([left])
        payables.tell_one(left, issuer=held.issuer, payment_id=request.payment_id, at=at)
    return drafts
