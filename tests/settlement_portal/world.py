"""Two shops and two card companies: what one sees of a day's batches, the others must not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from config import events
from settlement.models import Batch, Payment
from settlement.services import batches
from tests.factories import requests
from tests.factories.settlement import CardOnPhone, Till, card_on_phone, programme, till


@dataclass
class World:
    """A shop with a reader, a card of each of two issuers, and a second shop."""

    shop: Till
    other_shop: Till
    card: CardOnPhone
    other_card: CardOnPhone
    now: datetime

    def sell(self, *amounts, card=None, shop=None, at=None):
        """Upload one batch of sales and post it; return its payments, oldest first."""
        shop, card = shop or self.shop, card or self.card
        records = [card.sale(shop, amount, at=at) for amount in amounts]
        return self.post(shop, *records)

    def post(self, shop, *records, **changes):
        """Upload one batch of these records, post it and number its events."""
        newest = Payment.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        shop.upload(*records, **changes)
        batches.post_waiting(limit=10, at=self.now)
        events.take_turn()
        return list(Payment.objects.filter(pk__gt=newest).order_by("pk"))

    def batch(self, shop=None):
        """Return the newest batch of a shop."""
        return Batch.objects.filter(device=(shop or self.shop).device).latest("pk")

    @property
    def issuer(self):
        return self.card.card.issuer

    @property
    def merchant(self):
        return self.shop.merchant


def payer_of(world):
    """Return a customer with a card of the world's first issuer, and money beside its reserve."""
    return requests.payer(of=world.card.card.programme, balance=20_000_000, at=world.now)


def made():
    """Return a world that begins now."""
    now = timezone.now()
    issued = now - timedelta(days=1)
    return World(
        shop=till(now=now),
        other_shop=till(now=now),
        card=card_on_phone(of=programme(at=issued), at=issued),
        other_card=card_on_phone(of=programme(at=issued), at=issued),
        now=now,
    )
