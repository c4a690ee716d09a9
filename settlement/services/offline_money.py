"""The money of a sheet: the card accounts' positions and the ledger, which must show the same."""

from collections import defaultdict
from collections.abc import Iterator
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


def post(sheet: Sheet, *, at: datetime) -> list[Owed]:
    """Move the card accounts' positions, whatever they hold, and post the transfers.

    Return what came to closed accounts and is due to their holders now.
    """
    changes, records = list(_changes(sheet)), list(_posted(sheet))
    moved = accounts.post_offline(changes=changes, records=records, at=at)
    apart = [*debts.opened(moved.owed), *payables.opened(moved.left)]
    ledger.post_many(kind="offline_batches", transfers=[*_drafts(sheet), *apart], at=at)
    return moved.left


def posting_taken(sheet: Sheet, *, at: datetime) -> Statement:
    """Return the statement that posts the transfer of a sale whose amount the issuer's word takes.

    :func:`check_posted` takes its answer.
    """
    (draft,) = _drafts(sheet)
    return ledger.posting(kind=_TAP, draft=draft, at=at)


def check_posted(sheet: Sheet, *, answer: Answer, at: datetime) -> None:
    """Post the slow way where a ledger account was not there yet: then nothing was posted."""
    if not answer.touched:
        ledger.post_many(kind=_TAP, transfers=list(_drafts(sheet)), at=at)


def _changes(sheet: Sheet) -> Iterator[OfflineChange]:
    balance: dict[tuple[int, int], int] = defaultdict(int)
    used: dict[tuple[int, int], int] = defaultdict(int)
    for genuine, sale in sheet.sales:
        used[_position(genuine)] += sale.amount_minor
        balance[_position(genuine)] -= _borne_by_cardholder(sale)
    for genuine, sale in sheet.voids:
        balance[_position(genuine)] += _borne_by_cardholder(sale)
    for (account_id, credential_id), minor in balance.items():
        yield OfflineChange(
            account_id=account_id,
            credential_id=credential_id,
            balance_minor=minor,
            used_minor=used[account_id, credential_id],
        )


def _posted(sheet: Sheet) -> Iterator[Posted]:
    """Yield what the phones' own counters hold of it: a sale whoever bears it, a void nothing."""
    for genuine, sale in sheet.sales:
        credential_id = genuine.credential.credential_id
        yield Posted(credential_id, genuine.record.atc, 1, sale.amount_minor)
    for genuine, _sale in sheet.voids:
        yield Posted(genuine.credential.credential_id, genuine.record.atc, 0, 0)


def _position(genuine: Genuine) -> tuple[int, int]:
    return (genuine.card.account_id, genuine.credential.credential_id)


def _borne_by_cardholder(sale: Sale) -> int:
    return sale.amount_minor if sale.liability.bearer is Bearer.CARDHOLDER else 0


def _drafts(sheet: Sheet) -> Iterator[Draft]:
    for genuine, sale in sheet.sales:
        payer, payee = _legs(genuine, sale)
        code = _BORNE[sale.liability.bearer]
        yield Draft(code, payer, payee, sale.amount_minor, sale.payment_id)
    for genuine, sale in sheet.voids:
        payer, payee = _legs(genuine, sale)
        yield Draft(_VOID, payee, payer, sale.amount_minor, sale.payment_id)


def _legs(genuine: Genuine, sale: Sale) -> tuple[Key, Key]:
    """Return who pays and who is paid: a loss is its bearer's, the shop is always paid."""
    return legs.between(
        bearer=sale.liability.bearer.value,
        account=genuine.card.account,
        issuer=genuine.card.issuer,
        merchant=genuine.taken.reader.merchant,
        currency=sale.currency,
    )
