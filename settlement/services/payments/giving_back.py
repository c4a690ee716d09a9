"""Money of a payment goes back to whoever bore it: position and ledger in one."""

from datetime import datetime
from typing import Final

from config import pipeline
from issuers.services import accounts
from issuers.services.accounts import Owed
from settlement.models import Transfer
from settlement.rules.requests import Request
from settlement.services import ledger, legs, payables

_KINDS: Final = {Transfer.Code.REVERSAL: "reversal", Transfer.Code.REFUND: "refund"}


def give_back(request: Request, *, code: Transfer.Code, amount_minor: int, at: datetime) -> None:
    """
    Move minor units from the shop back to the bearer of a payment this transaction has locked.

    What would come to an account that was closed meanwhile is due to its holder, and stands as an
    exception in the issuer's queue.
    """
    assert request.card_id is not None, "only what a card paid is given back"
    held = accounts.lock_of_card(card_id=request.card_id)
    payer, payee = legs.of(request, account=held.account, issuer=held.issuer)
    drafts = [ledger.Draft(code, payee, payer, amount_minor, request.payment_id)]
    if request.bearer == "CARDHOLDER" and held.is_open:
        pipeline.run(accounts.crediting(held, amount_minor=amount_minor))
    elif request.bearer == "CARDHOLDER":
        left = Owed(account=held.account, currency=request.currency, amount_minor=amount_minor)
        drafts += payables.opened([left])
        payables.tell_one(left, issuer=held.issuer, payment_id=request.payment_id, at=at)
    ledger.post_many(kind=_KINDS[code], transfers=drafts, at=at)
