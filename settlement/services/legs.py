"""Who pays and who is paid, by who bears a payment: the two ledger accounts of its transfers."""

from typing import Final

from settlement.models import LedgerAccount
from settlement.rules.requests import Request
from settlement.services.ledger import Key

_Kind = LedgerAccount.Kind
_PAYER: Final = {
    "CARDHOLDER": _Kind.CARDHOLDER.value,
    "ISSUER": _Kind.ISSUER_LOSS.value,
    "MERCHANT": _Kind.MERCHANT_LOSS.value,
}

_PAYEE: Final = _Kind.MERCHANT.value


def of(request: Request, *, account: str, issuer: str) -> tuple[Key, Key]:
    """Return payer and payee of ``request``: a loss is its bearer's, the shop is always paid."""
    return between(
        bearer=request.bearer,
        account=account,
        issuer=issuer,
        merchant=request.shop.merchant,
        currency=request.currency,
    )


def between(
    *, bearer: str, account: str, issuer: str, merchant: str, currency: str
) -> tuple[Key, Key]:
    """Return payer and payee; all but the bearer's kind are references of their owners."""
    owner = account if bearer == "CARDHOLDER" else issuer if bearer == "ISSUER" else merchant
    return Key(_PAYER[bearer], owner, currency), Key(_PAYEE, merchant, currency)
