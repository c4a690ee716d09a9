"""A customer who pays at the till: a phone with a card on it, and its purchases over the API."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.wire import b64
from tests.journeys.street import PIN, Handset
from wallets.devices.pins import PinCodes
from wallets.devices.purchase import Purchase
from wallets.devices.purchases import PhonePurchases


@dataclass
class Payer:
    """A handset with one card, and what it has been shown."""

    handset: Handset
    card: str

    def __post_init__(self) -> None:
        pins = PinCodes(device_secret=self.handset.secret, save=_nowhere)
        self.purchases = PhonePurchases(
            session=self.handset.session,
            pins=pins,
            clock=time.time,
            sleep=time.sleep,
            random_bytes=os.urandom,
            save=_nowhere,
        )

    def opens(self, tid: str) -> Purchase:
        """Claim a sale, and return it as the phone shows it."""
        return self.purchases.claim(tid)

    def pays(self, tid: str) -> Purchase:
        """Claim a sale, type the PIN, and return it as it ended."""
        return self.purchases.approve(self.opens(tid), card=b64.decode(self.card), pin=PIN)


def _nowhere(_state: Mapping[str, Any]) -> None:
    """Keep nothing: the phone is not started again."""
