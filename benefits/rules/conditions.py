"""Why a benefit does not count on a purchase at all, whatever else is used.

The order of the checks is the order here; the first that fails is told.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from benefits.rules.vocabulary import Benefit, Kind, Purchase


class Reason(StrEnum):
    """Why a benefit is skipped: its own conditions first, then what the others left of it."""

    CURRENCY_MISMATCH = "currency_mismatch"
    NOT_STARTED = "not_started"
    EXPIRED = "expired"
    OTHER_MERCHANT = "other_merchant"
    OTHER_STORE = "other_store"
    NO_ITEM = "no_item"  # none of its items is bought
    USED_UP = "used_up"  # by this customer
    SOLD_OUT = "sold_out"  # by all customers together
    CARD_MISMATCH = "card_mismatch"
    CARD_REQUIRED = "card_required"  # conditional: no payment number says which card pays
    STACK_GROUP = "stack_group"  # another one of its group counts
    EXCLUDED = "excluded"  # by another one that counts, or it excludes that one
    BELOW_MINIMUM = "below_minimum"  # what the benefits before left is below its least purchase
    NOTHING_LEFT = "nothing_left"
    BELOW_LEAST = "below_least"  # fewer points than may be spent at a time
    ROUNDS_TO_ZERO = "rounds_to_zero"
    BETTER_WITHOUT = "better_without"  # the best combination does without it
    RECEIPT_ATTACHED = "receipt_attached"  # another identifier is


def reason_against(benefit: Benefit, purchase: Purchase) -> Reason | None:
    """Return the first condition of ``benefit`` that ``purchase`` does not meet, if any."""
    for reason, fails in _CHECKS:
        if fails(benefit, purchase):
            return reason
    return None


def _card_mismatch(benefit: Benefit, purchase: Purchase) -> bool:
    card = purchase.card
    if benefit.kind is not Kind.CARD_DISCOUNT or card is None:
        return False
    return not (
        (not benefit.issuers or card.issuer in benefit.issuers)
        and (not benefit.programmes or card.programme in benefit.programmes)
    )


def _no_item(benefit: Benefit, purchase: Purchase) -> bool:
    skus = benefit.scope.skus
    if not skus:
        return benefit.by_unit and not purchase.articles
    return not any(article.sku in skus for article in purchase.articles)


_CHECKS: Final[tuple[tuple[Reason, Callable[[Benefit, Purchase], bool]], ...]] = (
    (Reason.CURRENCY_MISMATCH, lambda benefit, purchase: benefit.currency != purchase.currency),
    (
        Reason.NOT_STARTED,
        lambda benefit, purchase: benefit.starts_at is not None and purchase.at < benefit.starts_at,
    ),
    (
        Reason.EXPIRED,
        lambda benefit, purchase: benefit.ends_at is not None and purchase.at >= benefit.ends_at,
    ),
    (
        Reason.OTHER_MERCHANT,
        lambda benefit, purchase: (
            bool(benefit.scope.merchants) and purchase.merchant not in benefit.scope.merchants
        ),
    ),
    (
        Reason.OTHER_STORE,
        lambda benefit, purchase: (
            bool(benefit.scope.stores) and purchase.store not in benefit.scope.stores
        ),
    ),
    (Reason.NO_ITEM, _no_item),
    (Reason.USED_UP, lambda benefit, _purchase: benefit.uses_left < 1),
    (
        Reason.SOLD_OUT,
        lambda benefit, _purchase: benefit.left_in_all is not None and benefit.left_in_all < 1,
    ),
    (Reason.CARD_MISMATCH, _card_mismatch),
    (
        Reason.CARD_REQUIRED,
        lambda benefit, purchase: benefit.kind is Kind.CARD_DISCOUNT and purchase.card is None,
    ),
)
