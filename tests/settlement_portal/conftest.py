"""Two shops and two card companies: what one sees of a day's batches, the others must not."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone

from config import events
from config.roles import Role
from settlement.models import Batch, Payment
from settlement.services import batches
from tests.factories.config import member, signed_in
from tests.factories.settlement import card_on_phone, programme, till

SOURCE = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(autouse=True)
def static_from_source(settings):
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": SOURCE}}


@dataclass
class World:
    """A shop with a reader, a card of each of two issuers, and a second shop."""

    shop: object
    other_shop: object
    card: object
    other_card: object
    now: object

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
        events.number()
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


@pytest.fixture
def world(db):
    now = timezone.now()
    issued = now - timedelta(days=1)
    return World(
        shop=till(now=now),
        other_shop=till(now=now),
        card=card_on_phone(of=programme(at=issued), at=issued),
        other_card=card_on_phone(of=programme(at=issued), at=issued),
        now=now,
    )


@pytest.fixture
def staff(world):
    """Return a browser signed in as somebody of the world by role, at ``tenant`` if named."""

    def sign_in(role, tenant=None):
        where = {"MERCHANT": world.merchant.reference, "ISSUER": world.issuer.reference}
        return signed_in(
            member(role, where.get(role.split("_")[0], "") if tenant is None else tenant)
        )

    return sign_in


@pytest.fixture
def cashier(staff):
    return staff(Role.MERCHANT_CASHIER)


@pytest.fixture
def owner(staff):
    return staff(Role.MERCHANT_OWNER)


@pytest.fixture
def auditor(staff):
    return staff(Role.ISSUER_AUDITOR)


@pytest.fixture
def clerk(staff):
    return staff(Role.SETTLEMENT_CLERK)


@pytest.fixture
def stranger(staff, world):
    """Somebody who owns the second shop."""
    return staff(Role.MERCHANT_OWNER, world.other_shop.merchant.reference)
