"""An issuer's house with something of everything: cards on phones, readers, blocks on their way."""

from dataclasses import dataclass, field
from datetime import timedelta

from config.audit import SYSTEM
from config.models import Device
from issuers.models import Issuer, OtaCommand, Programme
from issuers.services import blacklist, commands
from issuers.services.blacklist.fetching import fetch
from tests.factories import issuers as make
from tests.factories.merchants import StoreFactory, enrolled
from tests.factories.wallets import CustomerFactory, enrolled_phone


@dataclass
class Scene:
    """What was built; ``cards`` by the order they were issued in."""

    issuer: Issuer
    programme: Programme
    cards: list = field(default_factory=list)
    phones: list = field(default_factory=list)
    readers: list = field(default_factory=list)

    def block(self, number, *, at, reason="LOST", by=SYSTEM, note=""):
        return blacklist.block_and_publish(
            card=self.cards[number], reason=reason, at=at, actor=by, note=note
        )

    def unblock(self, number, *, at, by=SYSTEM):
        return blacklist.unblock_and_publish(card=self.cards[number], at=at, actor=by)

    def fetch(self, number, *, at):
        """Let a reader ask for the list, as it does every few seconds."""
        reader = self.readers[number]
        held = fetch(device=reader, issuer=self.issuer.reference, have=0, at=at)
        Device.objects.filter(pk=reader.pk).update(seen_at=at)
        return held.version

    def apply(self, number, *, at):
        """Let a phone pull and apply all its commands."""
        phone = self.phones[number]
        commands.pending_for(device=phone, after=0, at=at)
        for command in OtaCommand.objects.filter(device=phone).exclude(state="APPLIED"):
            command.transition(
                "APPLIED", applied_at=at, acknowledged_version=command.version, next_attempt_at=None
            )
        Device.objects.filter(pk=phone.pk).update(seen_at=at)


def build(*, at, cards=3, readers=2, name="Han River Card"):
    """Return an issuer with ``cards`` cards, each on a phone of its holder, and ``readers``."""
    began = at - timedelta(days=3)
    issuer = make.issuer(name=name, at=began)
    scene = Scene(issuer=issuer, programme=make.programme(of=issuer, at=began))
    for _number in range(cards):
        add_card(scene, at=began)
    if readers:
        store = StoreFactory()
        scene.readers = [enrolled(store=store, at=began)[0] for _number in range(readers)]
    return scene


def add_card(scene, *, at, customer=None, balance_minor=400_000, **opening):
    """Issue one more card and put it on a new phone of its holder."""
    customer = customer or CustomerFactory()
    programme = opening.pop("programme", scene.programme)
    card = make.card(
        of=programme, holder=customer.reference, balance_minor=balance_minor, at=at, **opening
    )
    phone, _key = enrolled_phone(customer=customer, at=at)
    make.credential(of=card, device=phone, at=at)
    scene.cards.append(card)
    scene.phones.append(phone)
    return card
