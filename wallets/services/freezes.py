"""The owner's freeze of a card, from the phone that asks for it (protocol §3.1)."""

from datetime import datetime

from django.db import transaction

from config.audit import Actor
from config.models import Device
from issuers.models import Card
from issuers.services import cards
from wallets.services import pins


@transaction.atomic
def unfreeze(*, card: Card, device: Device, at: datetime, actor: Actor) -> Card:
    """End the owner's own freeze at the wish of ``device``. Locks: the phone (shared), the card.

    A card is often frozen because a phone is not at hand, so the phone that thaws it must be one
    whose holder is not in doubt. Freezing needs no such thing: stopping a card errs on the safe
    side.

    :raises DeviceLocked: wrong PIN codes or failed proofs locked the phone
    :raises CardClosed, TooManyFreezes: as :func:`issuers.services.cards.unfreeze`
    """
    pins.require_unlocked(device=device)
    return cards.unfreeze(card=card, at=at, actor=actor)
