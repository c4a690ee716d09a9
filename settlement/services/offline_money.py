"""The money of a sheet: the card accounts' positions and the ledger, which must show the same."""

from collections import defaultdict
from datetime import datetime

from config.pipeline import Answer, Statement
from issuers.services import accounts
from issuers.services.accounts import OfflineChange, Owed, Posted
from settlement.models import Transfer
from settlement.rules.facts import Bearer, Genuine, Sale
from settlement.rules.sheet import Sheet
from settlement.services import debts, ledger, legs, payables
from settlement.services.ledger import Draft, Key

_BORNE = {
    Bearer.CARDHOLDER: Transfer.Code.OFFLINE_SALE.value,
    Bearer.ISSUER: Transfer.Code.ISSUER_BEARS.value,
    Bearer.MERCHANT: Transfer.Code.MERCHANT_BEARS.value,
}
_VOID = Transfer.Code.OFFLINE_VOID.value
_TAP = "online_tap"


class Money:
    """What a growing sheet does to card accounts, to the phones' counters and in the ledger."""

    def __init__(self) -> None:
        self.transfers: list[Draft] = []
        self.counted: list[Posted] = []
        self._moved: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])

    def add_sale(self, genuine: Genuine, sale: Sale) -> None:
        """Enter a sale: the phone counted it whoever bears it."""
        moved = self._moved[_position(genuine)]
        moved[0] -= _borne_by_cardholder(sale)
        moved[1] += sale.amount_minor
        credential_id = genuine.credential.credential_id
        self.counted.append(Posted(credential_id, genuine.record.atc, 1, sale.amount_minor))
        self.transfers.append(_sold(genuine, sale))

    def add_void(self, genuine: Genuine, sale: Sale) -> None:
        """Enter that a sale was taken back, which the phone did not count."""
        self._moved[_position(genuine)][0] += _borne_by_cardholder(sale)
        credential_id = genuine.credential.credential_id
        self.counted.append(Posted(credential_id, genuine.record.atc, 0, 0))
        payer, payee = _legs(genuine, sale)
        self.transfers.append(Draft(_VOID, payee, payer, sale.amount_minor, sale.payment_id))

    @property
    def changes(self) -> list[OfflineChange]:
        """Return what each credential's records come to on its account."""
        return [
            OfflineChange(
                account_id=account_id,
                credential_id=credential_id,
                balance_minor=balance_minor,
                used_minor=used_minor,
            )
            for (account_id, credential_id), (balance_minor, used_minor) in self._moved.items()
        ]


def post(money: Money, *, at: datetime) -> list[Owed]:
    """Move the card accounts' positions, whatever they hold, and post the transfers.

    Return what came to closed accounts and is due to their holders now.
    """
    moved = accounts.post_offline(changes=money.changes, records=money.counted, at=at)
    apart = [*debts.opened(moved.owed), *payables.opened(moved.left)]
    ledger.post_many(kind="offline_batches", transfers=[*money.transfers, *apart], at=at)
    return moved.left


def posting_taken(sheet: Sheet, *, at: datetime) -> Statement:
    """Return the statement that posts the transfer of a sale whose amount the issuer's word takes.

    :func:`check_posted` takes its answer.
    """
    return ledger.posting(kind=_TAP, draft=_taken(sheet), at=at)


def check_posted(sheet: Sheet, *, answer: Answer, at: datetime) -> None:
    """Post the slow way where a ledger account was not there yet: then nothing was posted."""
    if not answer.touched:
        ledger.post_many(kind=_TAP, transfers=[_taken(sheet)], at=at)


def _taken(sheet: Sheet) -> Draft:
    ((genuine, sale),) = sheet.sales
    return _sold(genuine, sale)


def _position(genuine: Genuine) -> tuple[int, int]:
    return (genuine.card.account_id, genuine.credential.credential_id)


def _borne_by_cardholder(sale: Sale) -> int:
    return sale.amount_minor if sale.liability.bearer is Bearer.CARDHOLDER else 0


def _sold(genuine: Genuine, sale: Sale) -> Draft:
    payer, payee = _legs(genuine, sale)
    code = _BORNE[sale.liability.bearer]
    return Draft(code, payer, payee, sale.amount_minor, sale.payment_id)


def _legs(genuine: Genuine, sale: Sale) -> tuple[Key, Key]:
    """Return who pays and who is paid: a loss is its bearer's, the shop is always paid."""
    return legs.between(
        bearer=sale.liability.bearer.value,
        account=genuine.card.account,
        issuer=genuine.card.issuer,
        merchant=genuine.taken.reader.merchant,
        currency=sale.currency,
    )
