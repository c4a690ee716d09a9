"""Merchants, stores and readers with real keys."""

from datetime import UTC, datetime, timedelta

import factory

from config import references
from config.audit import SYSTEM
from config.models import Device, EnrolmentCode
from config.wire.keys import SigningKey
from merchants.models import Agreement, Merchant, Store
from merchants.services import equipment

ENROLLED = datetime(2026, 11, 1, tzinfo=UTC)


class MerchantFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Merchant

    reference = factory.LazyFunction(lambda: references.new("MER"))
    name = factory.Sequence(lambda n: f"Mapo Bakery {n}")
    currency = "KRW"


class StoreFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Store

    reference = factory.LazyFunction(lambda: references.new("STO"))
    merchant = factory.SubFactory(MerchantFactory)
    name = factory.Sequence(lambda n: f"Shop {n}")


class AgreementFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Agreement

    merchant = factory.SubFactory(MerchantFactory)
    effective_from = ENROLLED


_PREFIX = {"READER": "RDR", "TERMINAL": "TRM", "ATM": "ATM", "RELAY": "RLY"}


def enrolled(*, kind="READER", store=None, key=None, at=ENROLLED):
    """Return a device of ``kind`` in ``store``, and its key, made as enrolment makes it."""
    store = store or StoreFactory()
    key = key or SigningKey.generate()
    device = Device.objects.create(
        reference=references.new(_PREFIX[kind]),
        kind=kind,
        name=f"{kind.title()} 1",
        owner=store.merchant.reference,
        public_key=key.public,
        enrolled_at=at,
    )
    code = EnrolmentCode(
        code_hash=b"",
        kind=kind,
        owner=store.merchant.reference,
        store=store.reference,
        created_at=at,
        expires_at=at + timedelta(minutes=15),
    )
    equipment.enrol(device=device, code=code, body={}, at=at)
    return device, key


__all__ = ["SYSTEM", "AgreementFactory", "MerchantFactory", "StoreFactory", "enrolled"]
