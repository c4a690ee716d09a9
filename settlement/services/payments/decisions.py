"""What an issuer's word writes, whoever gave it: in the approval itself, or after APPROVING."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from config.pipeline import Answer, Statement
from config.wire import numbers
from issuers.services import authorise as issuer
from issuers.services.authorise import Asked, DeclineReason
from settlement.models import Transfer
from settlement.rules import fees
from settlement.rules.requests import Request
from settlement.rules.sheet import business_date
from settlement.services import days, ledger, legs
from settlement.services.payments import rows

_SALE: Final = "online_sale"


class Decided(NamedTuple):
    """A decision: the first of its ``writes`` moves the payment.

    An approval's last one posts the sale; its answer goes to :func:`check_posted`. Where benefits
    paid a part nothing of it posts: then :func:`post`.
    """

    approval_code: str
    writes: list[Statement]


def approved(
    *,
    request: Request,
    asked: Asked | None,
    terms: Sequence[fees.Terms],
    taken: Sequence[Statement],
    at: datetime,
    decided_at: datetime,
    by_card_minor: int | None = None,
) -> Decided:
    """Return what an approval writes: state, event, position, day and ledger.

    ``taken``: the issuer's statements that take the money; ``terms``: the shop's fees.
    ``by_card_minor``: what ``asked`` pays where benefits pay a part, None for all. ``asked`` is
    None where no card of ours pays: then there is no approval code.
    """
    code = "" if asked is None else _drawn()
    last4, card_id = ("", None) if asked is None else (asked.last4, asked.card_id)
    today = business_date(at=int(at.timestamp()), time_zone=request.shop.time_zone)
    day = request.shop.business_date(today)
    after = request._replace(
        state="APPROVED",
        approval_code=code,
        approved_at=at,
        last4=last4,
        card_id=card_id,
        business_date=day,
    )
    moves = rows.moved(
        request,
        after,
        kind="approved",
        at=at,
        approval_code=code,
        approved_at=at,
        decided_at=decided_at,
        card_id=card_id,
        business_date=day,
        fee_minor=_fee(request, terms, at, by_card_minor),
    )
    writes = [*moves, *taken, days.sold(after)]
    if by_card_minor is None and asked is not None:
        draft = _draft(request, asked, request.amount_minor)
        writes.append(ledger.posting(kind=_SALE, draft=draft, at=at))
    return Decided(code, writes)


def post(
    *,
    request: Request,
    asked: Asked | None,
    by_card_minor: int,
    parts: Sequence[ledger.Draft],
    at: datetime,
) -> None:
    """Post a sale whose ``parts`` benefits paid, what the card pays with it: one posting."""
    drafts = list(parts)
    if by_card_minor:
        assert asked is not None, "what a card pays has its card"
        drafts.append(_draft(request, asked, by_card_minor))
    ledger.post_many(kind=_SALE, transfers=drafts, at=at)


def declined(
    *,
    request: Request,
    asked: Asked,
    reason: DeclineReason,
    phone_id: int,
    at: datetime,
    decided_at: datetime,
    by_card_minor: int | None = None,
) -> list[Statement]:
    """Return what a decline writes: state, event, and the issuer's word as it is kept.

    ``by_card_minor``: what the card was asked for, None for all.
    """
    after = request._replace(state="DECLINED", decline_reason=reason.value, last4=asked.last4)
    moves = rows.moved(
        request,
        after,
        kind="declined",
        at=at,
        decline_reason=reason.value,
        card_id=asked.card_id,
        decided_at=decided_at,
    )
    kept = issuer.declining(
        asked=asked,
        document=request.reference,
        amount_minor=request.amount_minor if by_card_minor is None else by_card_minor,
        currency=request.currency,
        reason=reason,
        at=at,
        phone_id=phone_id,
    )
    return [*moves, kept]


def check_posted(*, request: Request, asked: Asked, answer: Answer, at: datetime) -> None:
    """Post the slow way where a ledger account was not there yet: then nothing was posted."""
    if not answer.touched:
        draft = _draft(request, asked, request.amount_minor)
        ledger.post_many(kind=_SALE, transfers=[draft], at=at)


def _drawn() -> str:
    return numbers.online_approval_code(secrets.token_bytes(numbers.RANDOM_BYTES))


def _fee(
    request: Request, terms: Sequence[fees.Terms], at: datetime, by_card_minor: int | None
) -> int:
    """Return the shop's fee on what a card of ours pays; none where it pays nothing."""
    minor = request.amount_minor if by_card_minor is None else by_card_minor
    if not minor:
        return 0
    return fees.fee_of(
        terms,
        amount_minor=minor,
        currency=request.currency,
        at=int(at.timestamp()),
        online=True,
    )


def _draft(request: Request, asked: Asked, minor: int) -> ledger.Draft:
    payer, payee = legs.of(request, account=asked.account, issuer=asked.issuer)
    return ledger.Draft(Transfer.Code.ONLINE_SALE, payer, payee, minor, request.payment_id)
