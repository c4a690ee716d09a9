"""Online authorisation: the issuer's word on one payment, and the money taken with it.

Decline codes: ``card_blocked insufficient_funds limit_exceeded velocity issuer_refused``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import transaction
from django.db.models import Subquery, Sum, Value
from django.db.models.functions import Coalesce

from issuers.models import Account, Authorisation, Card
from issuers.services import accounts


class DeclineReason(StrEnum):
    """Why an issuer says no, in the order of the checks."""

    CARD_BLOCKED = "card_blocked"  # blocked, on the blacklist, closed, or frozen by its owner
    ISSUER_REFUSED = "issuer_refused"  # the account is closed, or of another currency
    LIMIT_EXCEEDED = "limit_exceeded"
    VELOCITY = "velocity"
    INSUFFICIENT_FUNDS = "insufficient_funds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """The amount was taken; ``available_minor``: what is left, in minor units."""

    available_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Nothing was taken."""

    reason: DeclineReason


@transaction.atomic
def authorise(
    *,
    card: Card,
    document: str,
    amount_minor: int,
    currency: str,
    at: datetime,
    phone_id: int | None = None,
) -> Authorised | Declined:
    """
    Decide on a payment and, if it is approved, take ``amount_minor`` from the card's account.

    ``document`` names what is decided on, once and for all; ``phone_id``: the phone whose counters
    hold it, if it was tapped. The card is locked FOR SHARE, so that
    a block waits for us or we see it; then the account, so that no two payments spend the same
    money. What is set aside and what is reserved for offline payments stays so. An approval is
    kept; a decline is the caller's to keep (:func:`keep_decline`), once it has undone what it
    wrote for an approval.

    :raises IntegrityError: ``document`` was decided on before
    """
    held = Card.objects.raw(_LOCK_SHARED, [card.pk])[0]
    account = accounts.lock(account_ids=[held.account_id])[held.account_id]
    reason = _reason_against(held, account, amount_minor, currency, at)
    if reason is not None:
        return Declined(reason=reason)
    account.balance_minor -= amount_minor
    account.save(update_fields=["balance_minor"])
    _keep(held, document, amount_minor, currency, at, phone_id=phone_id)
    return Authorised(available_minor=account.available_minor)


_LOCK_SHARED: Final = "SELECT * FROM issuers_card WHERE id = %s FOR SHARE"


def keep_decline(
    *,
    card: Card,
    document: str,
    amount_minor: int,
    currency: str,
    reason: DeclineReason,
    at: datetime,
    phone_id: int | None = None,
) -> None:
    """Keep a decline, so that the same document hears the same word again.

    :raises IntegrityError: ``document`` was decided on before
    """
    _keep(card, document, amount_minor, currency, at, reason=reason, phone_id=phone_id)


def declined_since_approval(*, card: Card, phone_id: int, document: str) -> int:
    """Return what was declined of ``card`` since the last approval but ``document``'s, minor units.

    On this phone alone: it counted these taps too, and no record of them will ever come.
    """
    mine = Authorisation.objects.filter(card=card, phone=phone_id)
    approved = mine.filter(decline_reason="").exclude(document=document)
    last = approved.order_by("-decided_at", "-pk").values("pk")[:1]
    refused = mine.exclude(decline_reason="").filter(pk__gt=Coalesce(Subquery(last), Value(0)))
    return int(refused.aggregate(minor=Sum("amount_minor", default=0))["minor"])


def declined_before(*, document: str) -> Declined | None:
    """Return the decline kept for ``document``, if there is one."""
    kept = Authorisation.objects.filter(document=document).exclude(decline_reason="").first()
    return None if kept is None else Declined(reason=DeclineReason(kept.decline_reason))


def _keep(
    card: Card,
    document: str,
    amount_minor: int,
    currency: str,
    at: datetime,
    *,
    phone_id: int | None,
    reason: str = "",
) -> None:
    Authorisation.objects.create(
        card=card,
        phone_id=phone_id,
        document=document,
        amount_minor=amount_minor,
        currency=currency,
        decline_reason=reason,
        decided_at=at,
    )


def _reason_against(
    card: Card, account: Account, amount_minor: int, currency: str, at: datetime
) -> DeclineReason | None:
    if _is_blocked(card):
        return DeclineReason.CARD_BLOCKED
    if account.state != Account.State.OPEN or account.currency != currency:
        return DeclineReason.ISSUER_REFUSED
    if amount_minor > _cap_minor(card, otherwise=amount_minor):
        return DeclineReason.LIMIT_EXCEEDED
    if _is_too_fast(card, at):
        return DeclineReason.VELOCITY
    if account.available_minor < amount_minor:
        return DeclineReason.INSUFFICIENT_FUNDS
    return None


def _is_blocked(card: Card) -> bool:
    """Return whether its state, its owner or the blacklist stops the card; its row is locked."""
    if card.state != Card.State.ACTIVE or card.frozen_by_owner_at is not None:
        return True
    return card.blacklist_entries.filter(lifted_at=None, device=None).exists()


def _cap_minor(card: Card, *, otherwise: int) -> int:
    caps = (card.per_payment_online_cap_minor, card.programme.per_payment_online_cap_minor)
    return min((cap for cap in caps if cap is not None), default=otherwise)


def _is_too_fast(card: Card, at: datetime) -> bool:
    """Return whether the window that ends now holds as many approvals as it may."""
    since = at - timedelta(seconds=card.programme.velocity_window_s)
    approved = card.authorisations.filter(decline_reason="", decided_at__gt=since)
    return approved.count() >= card.programme.velocity_count
