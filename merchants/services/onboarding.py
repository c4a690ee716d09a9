"""A merchant taken on in one step: the merchant, its first store and its first API key."""

from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from config.audit import Actor
from merchants.models import Merchant, Store
from merchants.services import api_keys, merchants


class Onboarded(NamedTuple):
    """What was made; ``api_key`` is in clear, this once."""

    merchant: Merchant
    store: Store
    api_key: str


@transaction.atomic
def add(*, name: str, currency: str, time_zone: str, actor: Actor, at: datetime) -> Onboarded:
    """Add a merchant that can begin at once.

    :raises UnknownCurrency: not an ISO 4217 code
    :raises TimeZoneUnknown: not in the IANA database
    :raises NameMissing: the name is blank
    """
    merchant, store = merchants.add(
        name=name, currency=currency, time_zone=time_zone, actor=actor, at=at
    )
    token = api_keys.make(merchant=merchant, name="first key", actor=actor, at=at)
    return Onboarded(merchant, store, token)
