"""Money that came to an account after it was closed: due to its holder, paid out by the issuer.

Opened: debit CARDHOLDER, credit PAYABLE, in the posting that brings it; so a closed account stays
empty. Each is an exception in the issuer's queue. Whoever resolves it has paid the holder: debit
PAYABLE, credit FUNDING, where the money of card accounts comes from.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

from issuers.models import Account
from issuers.services.accounts import Owed
from settlement.models import ExceptionItem, LedgerAccount, Transfer
from settlement.models.batches import CLOSED_ACCOUNT
from settlement.rules.facts import Genuine
from settlement.rules.sheet import Sheet
from settlement.services import ledger
from settlement.services.ledger import Draft, Key

_Kind = LedgerAccount.Kind


def opened(left: Sequence[Owed]) -> list[Draft]:
    """Return the transfers that take what came to closed accounts off them."""
    return [
        Draft(
            Transfer.Code.PAYABLE_OPENED,
            Key(_Kind.CARDHOLDER.value, one.account, one.currency),
            Key(_Kind.PAYABLE.value, one.account, one.currency),
            one.amount_minor,
        )
        for one in left
    ]


def tell(sheet: Sheet, left: Sequence[Owed], *, at: datetime) -> None:
    """Open one exception per account, with the last of the sales that were taken back."""
    if not left:
        return
    posted: dict[str, tuple[Genuine, int]] = {
        genuine.card.account: (genuine, sale.payment_id)
        for genuine, sale in chain(sheet.sales, sheet.voids)
    }
    for one in left:
        genuine, payment_id = posted[one.account]
        tell_one(one, issuer=genuine.card.issuer, payment_id=payment_id, at=at)


def tell_one(left: Owed, *, issuer: str, payment_id: int, at: datetime) -> None:
    """Open the exception of one account's money in the queue of ``issuer`` (its reference)."""
    detail = {
        "account": left.account,
        "amount_minor": left.amount_minor,
        "currency": left.currency,
    }
    ExceptionItem.objects.create(
        kind=CLOSED_ACCOUNT, tenant=issuer, payment_id=payment_id, detail=detail, opened_at=at
    )


def pay_out(*, item: ExceptionItem, at: datetime) -> None:
    """Enter that the issuer paid the holder what ``item`` tells of; the caller holds its row."""
    told = item.detail
    account = Account.objects.select_related("programme__issuer").get(reference=told["account"])
    draft = Draft(
        Transfer.Code.PAYABLE_PAID,
        Key(_Kind.PAYABLE.value, account.reference, told["currency"]),
        Key(_Kind.FUNDING.value, account.programme.issuer.reference, told["currency"]),
        told["amount_minor"],
        item.payment_id,
    )
    ledger.post_many(kind="payable_paid", transfers=[draft], at=at)
