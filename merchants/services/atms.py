"""Virtual ATMs: the portal plays a store's cash machine, with notes that run out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from config import audit, references
from config.audit import Actor
from config.models import Device
from config.models.devices import DeviceKind
from config.refusals import NotFound, Refused
from config.wire.keys import SigningKey
from merchants.models import AtmTurn, Cassette, Equipment, Merchant, Store, VirtualAtm
from merchants.rules import note_mix
from merchants.services import equipment

NAME: Final = "ATM in the portal"  # where lists name a device, its store stands beside it
NOTES_MOST: Final = 10_000  # in one cassette; real ones hold two to three thousand


class AtmOutOfService(Refused):
    code = "atm_out_of_service"
    status = 409
    title = "The ATM of this store was taken out of service"


class AtmInDoubt(Refused):
    code = "atm_in_doubt"
    status = 409
    title = "Nobody knows what is in the ATM: count its notes first"


class AtmBusy(Refused):
    code = "atm_busy"
    status = 409
    title = "The ATM serves somebody else"

    def __init__(self, *, redemption: str) -> None:
        super().__init__("Its turn has to end first.", redemption=redemption)
        self.redemption = redemption


class NoteMixImpossible(Refused):
    code = "note_mix"
    title = "The notes in the ATM do not pay this amount"

    def __init__(self, *, nearest: tuple[int | None, int | None]) -> None:
        super().__init__("Key another amount.")
        self.nearest = nearest


class CountMalformed(Refused):
    code = "count_malformed"
    title = "That cannot be in the ATM"


@transaction.atomic
def at_store(*, merchant: Merchant, store: str, actor: Actor, at: datetime) -> VirtualAtm:
    """
    Return the ATM of ``store`` (its reference), locked; it is opened if there is none.

    :raises NotFound: the merchant has no such store in use
    :raises AtmOutOfService: its device was revoked
    :raises MerchantSuspended: the merchant takes no payments now
    """
    rows = Store.objects.select_for_update(no_key=True, of=("self",)).select_related("merchant")
    place = rows.filter(merchant=merchant, reference=store, closed_at=None).first()
    if place is None:
        raise NotFound
    atm = locked().filter(store=place, closed_at=None).first() or _opened(place, actor, at)
    if atm.device.state != Device.State.ACTIVE:
        raise AtmOutOfService
    equipment.refuse_suspended(device=atm.device)
    return atm


@transaction.atomic
def take_turn(
    *, atm: VirtualAtm, key: str, cash_minor: int | None, actor: Actor, at: datetime
) -> AtmTurn:
    """
    Begin to serve a customer, once per ``key`` of the page; a key that came before: the same turn.

    ``cash_minor``: cash as keyed, 0 where the number tells how much, None for anything but cash.

    :raises AtmBusy: somebody else is served
    :raises AtmInDoubt: it gives no cash until somebody has counted its notes
    :raises NoteMixImpossible: no notes here pay ``cash_minor``
    """
    held = locked().get(pk=atm.pk)
    known = held.turns.filter(key=key).first()
    if known is not None:
        return known
    serving = held.turns.filter(ended_at=None).first()
    if serving is not None and serving.redemption:
        raise AtmBusy(redemption=serving.redemption)
    if serving is not None:  # its number was never answered for, and nobody waits for it
        end(turn=serving, at=at)
    if cash_minor is not None:
        _refuse_unpayable(held, cash_minor)
    name = f"{actor.kind} {actor.name}"[:64]
    return AtmTurn.objects.create(atm=held, key=key, begun_by=name, begun_at=at)


def serves(*, turn: AtmTurn, redemption: str) -> None:
    """Note which redemption (its reference) a turn is about."""
    AtmTurn.objects.filter(pk=turn.pk).update(redemption=redemption)
    turn.redemption = redemption


def end(*, turn: AtmTurn, at: datetime) -> None:
    """Let the next customer come."""
    AtmTurn.objects.filter(pk=turn.pk, ended_at=None).update(ended_at=at)
    turn.ended_at = at


def mix(*, atm: VirtualAtm, amount_minor: int) -> dict[int, int] | None:
    """Return the notes of a locked ATM that pay the amount exactly; None where none do."""
    return note_mix.mix(amount_minor=amount_minor, held=held_by(atm=atm))


def held_by(*, atm: VirtualAtm) -> dict[int, int]:
    """Return the notes in an ATM: denomination in minor units -> how many."""
    return dict(atm.cassettes.values_list("denomination_minor", "notes"))


def take_out(*, atm: VirtualAtm, notes: Mapping[int, int]) -> None:
    """Take notes out of the cassettes of a locked ATM."""
    for cassette in atm.cassettes.filter(denomination_minor__in=notes):
        cassette.notes -= notes[cassette.denomination_minor]
        cassette.save(update_fields=["notes"])


def doubt(*, atm: VirtualAtm) -> None:
    """Note that nobody knows how many notes moved."""
    VirtualAtm.objects.filter(pk=atm.pk).update(in_doubt=True)


@transaction.atomic
def count(
    *, merchant: Merchant, store: str, notes: Mapping[int, int], actor: Actor, at: datetime
) -> None:
    """
    Take what somebody counted, or filled in, as what is in the ATM of ``store`` (its reference).

    Nothing is in doubt any more.

    :raises NotFound, AtmOutOfService, MerchantSuspended: as :func:`at_store`
    :raises CountMalformed: a denomination it has no cassette for, or more than one holds
    """
    held = at_store(merchant=merchant, store=store, actor=actor, at=at)
    before = held_by(atm=held)
    fits = all(0 <= number <= NOTES_MOST for number in notes.values())
    if not fits or notes.keys() - before.keys():
        raise CountMalformed
    for cassette in held.cassettes.filter(denomination_minor__in=notes):
        cassette.notes = notes[cassette.denomination_minor]
        cassette.save(update_fields=["notes"])
    VirtualAtm.objects.filter(pk=held.pk).update(in_doubt=False)
    audit.record(
        actor=actor,
        action="atm.count",
        subject_kind="device",
        subject=held.device.reference,
        tenant=held.store.merchant.reference,
        at=at,
        before={str(note): number for note, number in before.items()},
        after={str(note): number for note, number in (before | dict(notes)).items()},
    )


def locked() -> QuerySet[VirtualAtm]:
    """Return virtual ATMs to be locked: before any redemption they serve."""
    rows = VirtualAtm.objects.select_related("device", "store__merchant")
    return rows.select_for_update(no_key=True, of=("self",))


def _refuse_unpayable(atm: VirtualAtm, amount_minor: int) -> None:
    if atm.in_doubt:
        raise AtmInDoubt
    held = held_by(atm=atm)
    if amount_minor and note_mix.mix(amount_minor=amount_minor, held=held) is None:
        nearest = note_mix.nearest(amount_minor=amount_minor, held=held)
        raise NoteMixImpossible(nearest=nearest)


def _opened(store: Store, actor: Actor, at: datetime) -> VirtualAtm:
    """Open an ATM. Its signing key is forgotten at once: nobody calls the API as this machine."""
    merchant = store.merchant
    device = Device.objects.create(
        reference=references.new("ATM"),
        kind=DeviceKind.ATM,
        name=NAME,
        owner=merchant.reference,
        public_key=SigningKey.generate().public,
        enrolled_at=at,
        seen_at=at,
    )
    equipment.number(equipment=Equipment(device=device, merchant=merchant, store=store))
    atm = VirtualAtm.objects.create(device=device, store=store, opened_at=at)
    first = note_mix.NEW_MACHINE.get(merchant.currency, {})
    Cassette.objects.bulk_create(
        Cassette(atm=atm, denomination_minor=note, notes=number) for note, number in first.items()
    )
    audit.record(
        actor=actor,
        action="atm.open",
        subject_kind="device",
        subject=device.reference,
        tenant=merchant.reference,
        at=at,
        after={"store": store.reference},
    )
    return atm
