"""Virtual tills: the portal plays a store's terminal, and makes its T-IDs (protocol §2)."""

import secrets
from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from config import audit, references
from config.audit import Actor
from config.models import Device
from config.models.devices import DeviceKind
from config.refusals import NotFound, Refused
from config.wire.keys import SigningKey
from merchants.models import Equipment, Merchant, Store, TillNumber, VirtualTill
from merchants.services import equipment
from merchants.wire import tid as tids

NAME: Final = "Till in the portal"  # where lists name a device, its store stands beside it


class TillOutOfService(Refused):
    code = "till_out_of_service"
    status = 409
    title = "The till of this store was taken out of service"


class Wish(NamedTuple):
    """What a page wishes to charge: ``amount_minor`` of ``currency``; ``order``: the shop's own.

    ``key``: random, of the page; the same again means the same sale.
    """

    key: str
    amount_minor: int
    currency: str
    order: str


class Numbered(NamedTuple):
    """A T-ID, and the device that made it."""

    device: Device
    tid: str


@transaction.atomic
def number(*, merchant: Merchant, store: str, wish: Wish, actor: Actor, at: datetime) -> Numbered:
    """
    Make a T-ID for ``wish`` at the till of ``store`` (its reference), which is opened if need be.

    The counter is committed before anybody hears the T-ID. A key that came before gets the T-ID it
    got then, whatever is wished now: for another amount it does not fit.

    :raises NotFound: the merchant has no such store in use
    :raises TillOutOfService: the till was revoked, or has no number left
    :raises MerchantSuspended: the merchant takes no payments now
    """
    till = _in_service(merchant, store, actor, at)
    known = till.numbers.filter(key=wish.key).first()
    if known is None:
        known = _made(till, wish, actor, at)
    return Numbered(till.device, known.tid)


def terminal(*, merchant: Merchant, store: str, actor: Actor, at: datetime) -> Device:
    """
    Return the terminal that the portal plays at ``store`` (its reference), opened if need be.

    The store stays locked until the running transaction ends: two acts of one page come one after
    the other.

    :raises NotFound: the merchant has no such store in use
    :raises TillOutOfService, MerchantSuspended: it takes nothing now
    """
    return _in_service(merchant, store, actor, at).device


def refuse_unfit(*, device: Device) -> None:
    """Refuse what a till out of service, or of a suspended merchant, would still finish.

    :raises TillOutOfService, MerchantSuspended: it takes nothing now
    """
    _refuse_unfit(VirtualTill.objects.select_related("device").get(device=device))


@transaction.atomic
def reopen(*, merchant: Merchant, store: str, actor: Actor, at: datetime) -> VirtualTill:
    """Open a new till where the store's was taken out of service; one in service stays.

    :raises NotFound: the merchant has no such store in use
    """
    place = _locked_store(merchant, store)
    till = _newest(place)
    if till is not None:
        if till.device.state == Device.State.ACTIVE and till.counter < tids.COUNTER_LIMIT - 1:
            return till
        till.closed_at = at
        till.save(update_fields=["closed_at"])
    return _opened(place, actor, at)


def _in_service(merchant: Merchant, store: str, actor: Actor, at: datetime) -> VirtualTill:
    place = _locked_store(merchant, store)
    till = _newest(place) or _opened(place, actor, at)
    _refuse_unfit(till)
    return till


def _locked_store(merchant: Merchant, store: str) -> Store:
    """Lock the store: two first sales at once open one till, and its counter goes up once each."""
    rows = Store.objects.select_for_update(no_key=True, of=("self",)).select_related("merchant")
    place = rows.filter(merchant=merchant, reference=store, closed_at=None).first()
    if place is None:
        raise NotFound
    return place


def _newest(store: Store) -> VirtualTill | None:
    return store.virtual_tills.filter(closed_at=None).select_related("device").first()


def _opened(store: Store, actor: Actor, at: datetime) -> VirtualTill:
    """Open a till. Its signing key is forgotten at once: nobody calls the API as this terminal."""
    device = Device.objects.create(
        reference=references.new("TRM"),
        kind=DeviceKind.TERMINAL,
        name=NAME,
        owner=store.merchant.reference,
        public_key=SigningKey.generate().public,
        enrolled_at=at,
        seen_at=at,
    )
    equipment.number(equipment=Equipment(device=device, merchant=store.merchant, store=store))
    audit.record(
        actor=actor,
        action="till.open",
        subject_kind="device",
        subject=device.reference,
        tenant=store.merchant.reference,
        at=at,
        after={"store": store.reference},
    )
    return VirtualTill.objects.create(device=device, store=store, opened_at=at)


def _refuse_unfit(till: VirtualTill) -> None:
    """:raises TillOutOfService, MerchantSuspended: it takes nothing now"""
    spent = till.counter >= tids.COUNTER_LIMIT - 1
    if till.device.state != Device.State.ACTIVE or spent:
        raise TillOutOfService
    equipment.refuse_suspended(device=till.device)


def _made(till: VirtualTill, wish: Wish, actor: Actor, at: datetime) -> TillNumber:
    till.counter += 1
    till.save(update_fields=["counter"])
    place = Equipment.objects.select_related("device").get(device=till.device)
    assert place.number is not None, "a till has a terminal number"
    tid = tids.tid(
        number=place.number,
        counter=till.counter,
        random=secrets.randbelow(tids.RANDOM_LIMIT),
        amount=wish.amount_minor,
        currency=wish.currency,
        order=wish.order,
        secret=equipment.secret_of(equipment=place),
    )
    return TillNumber.objects.create(
        till=till,
        key=wish.key,
        counter=till.counter,
        tid=tid,
        made_by=f"{actor.kind} {actor.name}"[:64],
        made_at=at,
    )
