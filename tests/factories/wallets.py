"""Customers and phones with real keys."""

import os
from datetime import UTC, datetime

import factory

from config import references
from config.models import Device
from config.wire import b64
from config.wire.keys import SigningKey
from wallets.models import Customer
from wallets.services import phones
from wallets.wire.pin_code import psn_key

ENROLLED = datetime(2026, 11, 1, tzinfo=UTC)


class CustomerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Customer

    reference = factory.LazyFunction(lambda: references.new("CUS"))
    name = factory.Sequence(lambda n: f"Kim Customer {n}")


def enrolled_phone(*, customer=None, key=None, pin="1234", secret=None, at=ENROLLED):
    """Return a customer's phone and its key, made as enrolment makes it."""
    customer = customer or CustomerFactory()
    key = key or SigningKey.generate()
    device = Device.objects.create(
        reference=references.new("PHN"),
        kind="PHONE",
        name="Phone 1",
        owner=customer.reference,
        public_key=key.public,
        enrolled_at=at,
    )
    derived = psn_key(device_secret=secret or os.urandom(32), pin=pin)
    body = {"app_serial": "APP-1", "psn_key": b64.encode(derived)}
    phones.enrol(device=device, code=None, body=body, at=at)
    return device, key
