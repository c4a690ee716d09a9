"""Parties made for one run: customers with funded cards, their phones, and a shop's readers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx
from django.conf import settings
from django.utils import timezone

from config import devices, enrolment
from config.audit import Actor
from config.models.devices import DeviceKind
from config.refusals import Refused
from config.wire.client import PortalUnreachable, discover
from issuers.models import Card, Programme
from settlement.services import demo, openings
from settlement.services.demo import Product, Seeded
from settlement.simulation.children import Answer, Party
from settlement.simulation.troupe import Troupe
from wallets.services import customers


class PortalRefusedUs(Refused):
    code = "simulation_refused"
    status = 409
    title = "The portal refused a simulated device"


class PortalAway(Refused):
    code = "portal_away"
    status = 503
    title = "No portal answers; start one with ./paydesk up"


class NotADemo(Refused):
    code = "not_a_demo"
    status = 409
    title = "Simulated customers and money belong into a demo only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays: by phone its cards (base64url tokens) and owner; devices by reference."""

    cards: list[list[str]]
    currency: str
    issuer: str
    merchant: str
    phones: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)

    @property
    def devices(self) -> list[str]:
        return [*self.phones, *self.readers]


def look_for_portal() -> None:
    """Make sure that this is a demo and its portal answers, before anything is made for a run.

    :raises NotADemo: this installation is none
    :raises PortalAway: no portal answers at ``settings.ORIGIN``
    """
    if not settings.DEMO:
        raise NotADemo
    try:
        with httpx.Client(trust_env=False) as http:
            discover(http=http, origin=settings.ORIGIN)
    except PortalUnreachable as lost:
        raise PortalAway(f"{settings.ORIGIN} does not answer.") from lost


def hire(
    *,
    seed: int,
    cards: Sequence[int],
    troupe: Troupe,
    actor: Actor,
    at: datetime,
) -> Cast:
    """Make new customers with new cards, enrol their phones and the readers, put the cards on.

    ``cards``: how many each phone gets.

    Nothing of an earlier run plays a part, so the end follows from the seed alone. All devices talk
    to the portal at ``settings.ORIGIN`` over HTTP, as outsiders do.

    :raises PortalAway: no portal answers there
    :raises PortalRefusedUs: it refuses what a new device asks
    """
    stage = demo.seed(at=at)
    owners = []
    issued: list[list[str]] = []
    for phone, count in enumerate(cards):
        owner = customers.add(name=f"Simulation {seed}, phone {phone}", actor=actor, at=at)
        owners.append(owner.reference)
        issued.append(
            [
                issue(stage=stage, owner=owner.reference, nth=phone + nth, actor=actor, at=at)
                for nth in range(count)
            ]
        )
    cast = Cast(
        cards=issued,
        currency=stage.bakery.currency,
        issuer=stage.issuer.reference,
        merchant=stage.bakery.reference,
    )
    for phone, owner_reference in enumerate(owners):
        told = enrol_phone(troupe, phone=phone, owner=owner_reference, actor=actor)
        cast.phones.append(told["device"])
        for card in issued[phone]:
            agreed(troupe.phones.ask("certify", phone=phone, card=card, at=_now()))
    for number, reader in enumerate(troupe.readers):
        told = enrol_reader(reader, stage=stage, number=number, actor=actor)
        cast.readers.append(told["device"])
    return cast


def issue(*, stage: Seeded, owner: str, nth: int, actor: Actor, at: datetime) -> str:
    """Issue a funded card of the demo's ``nth`` programme and return its token."""
    product: Product = demo.PRODUCTS[nth % len(demo.PRODUCTS)]
    card: Card = openings.issue_card(
        programme=Programme.objects.get(issuer=stage.issuer, name=product.name),
        holder=owner,
        balance_minor=product.balance_minor,
        limit_minor=product.limit_minor,
        actor=actor,
        at=at,
    )
    return card.reference


def enrol_phone(troupe: Troupe, *, phone: int, owner: str, actor: Actor) -> Answer:
    """Enrol a phone of the customer ``owner`` with a fresh code."""
    code = code_for(DeviceKind.PHONE, owner, actor)
    name = f"Simulated phone {phone}"
    return agreed(troupe.phones.ask("enrol", phone=phone, code=code, name=name, at=_now()))


def enrol_reader(reader: Party, *, stage: Seeded, number: int, actor: Actor) -> Answer:
    """Enrol a reader in one of the bakery's stores, in turn, and give it the lists."""
    stores = list(stage.bakery.stores.filter(closed_at=None).order_by("pk"))
    store = stores[number % len(stores)].reference
    code = code_for(DeviceKind.READER, stage.bakery.reference, actor, store)
    name = f"Simulated reader {number}"
    told = agreed(reader.ask("enrol", code=code, name=name, at=_now()))
    agreed(reader.ask("sync", at=_now()))
    return told


def dismiss(*, references: Iterable[str], actor: Actor, at: datetime) -> None:
    """Revoke the devices of a run that is over, so that no list of devices keeps them as live."""
    for device in references:
        devices.revoke(reference=device, actor=actor, at=at, reason="simulation ended")


def agreed(answer: Answer) -> Answer:
    """Return an order's answer unless the portal said no.

    :raises PortalAway: it did not answer
    :raises PortalRefusedUs: it refused
    """
    if "error" not in answer:
        return answer
    if answer["error"] == "unreachable":
        raise PortalAway(f"{settings.ORIGIN} does not answer.")
    raise PortalRefusedUs(f"{answer['error']}: {answer['detail']}")


def code_for(kind: DeviceKind, owner: str, actor: Actor, store: str = "") -> str:
    """Return a fresh enrolment code, as staff make one."""
    made = enrolment.make_code(
        kind=kind.value, owner=owner, store=store, actor=actor, at=timezone.now()
    )
    return made.code


def _now() -> int:
    return int(timezone.now().timestamp())
