"""The demo's own phones and readers: enrolled once, they keep keys and cards over restarts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils import timezone

from config.audit import Actor
from config.models import Device
from issuers.models import Card
from settlement.services import demo
from settlement.services.demo import Seeded
from settlement.simulation.casting import agreed, enrol_phone, enrol_reader, issue
from settlement.simulation.troupe import Troupe
from wallets.models import Customer

_SPENT: Final = frozenset({"nothing_available", "card_closed", "account_closed", "not_found"})


@dataclass(slots=True, kw_only=True)
class Residents:
    """Who lives in the demo: the first of its customers with a phone each, readers in its shops."""

    troupe: Troupe
    actor: Actor
    stage: Seeded
    owners: Sequence[str]  # of phone 0, 1, …: the customers' references
    phones: dict[int, str] = field(default_factory=dict)  # devices by number
    readers: dict[int, str] = field(default_factory=dict)
    cards: dict[int, list[str]] = field(default_factory=dict)  # usable ones by phone

    def settle(self) -> None:
        """Make sure that every phone and reader is an active device with its cards on it.

        What somebody revoked in the portal is enrolled anew, as a shop would replace it.

        :raises PortalAway: the portal does not answer
        :raises PortalRefusedUs: it refuses what a new device asks
        """
        active = set(
            Device.objects.filter(
                state=Device.State.ACTIVE, reference__in=[*self._known()]
            ).values_list("reference", flat=True)
        )
        for number in range(len(self.troupe.readers)):
            if self.readers.get(number) not in active:
                self.readers[number] = self._settle_reader(number)
        for number in range(len(self.owners)):
            if self.phones.get(number) not in active:
                self.phones[number] = self._settle_phone(number)
                self.cards[number] = []
            if not self.cards[number]:
                self.cards[number] = self._load(number) or [self._fresh_card(number)]

    def renew(self, *, phone: int, card: str) -> None:
        """Get a new certificate for a card whose counts are full or whose time is over.

        A card with no money left is put aside; whose last one that was gets a new one issued.
        """
        told = self.troupe.phones.ask("certify", phone=phone, card=card, at=_now())
        if told.get("error") not in _SPENT:
            return
        self.cards[phone] = [other for other in self.cards[phone] if other != card]
        if not self.cards[phone]:
            self.cards[phone] = [self._fresh_card(phone)]

    def _known(self) -> set[str]:
        """Return all devices, also those of earlier lives, which each party finds on its disk."""
        for number, reader in enumerate(self.troupe.readers):
            if number not in self.readers and (device := reader.ask("resume")["device"]):
                self.readers[number] = device
        for number in range(len(self.owners)):
            if number not in self.phones:
                self._resume_phone(number)
        return {*self.readers.values(), *self.phones.values()}

    def _resume_phone(self, number: int) -> None:
        told = self.troupe.phones.ask("resume", phone=number)
        if told["device"]:
            self.phones[number] = told["device"]
            self.cards[number] = told["cards"]

    def _settle_reader(self, number: int) -> str:
        told = enrol_reader(
            self.troupe.readers[number], stage=self.stage, number=number, actor=self.actor
        )
        return str(told["device"])

    def _settle_phone(self, number: int) -> str:
        owner = self.owners[number]
        told = enrol_phone(self.troupe, phone=number, owner=owner, actor=self.actor)
        return str(told["device"])

    def _fresh_card(self, phone: int) -> str:
        owner, at = self.owners[phone], timezone.now()
        fresh = issue(stage=self.stage, owner=owner, nth=phone, actor=self.actor, at=at)
        agreed(self.troupe.phones.ask("certify", phone=phone, card=fresh, at=_now()))
        return fresh

    def _load(self, number: int) -> list[str]:
        """Put the customer's cards on the new phone, those that still have money."""
        mine = Card.objects.filter(account__holder=self.owners[number]).exclude(
            state=Card.State.CLOSED
        )
        loaded = []
        for card in mine.order_by("pk"):
            told = self.troupe.phones.ask("certify", phone=number, card=card.reference, at=_now())
            if told.get("error") not in _SPENT:
                agreed(told)
                loaded.append(card.reference)
        return loaded


def owners(*, count: int) -> list[str]:
    """Return the references of the demo's first ``count`` customers."""
    known = dict(Customer.objects.filter(name__in=demo.names()).values_list("name", "reference"))
    return [known[name] for name in demo.names()[:count]]


def _now() -> int:
    return int(timezone.now().timestamp())
