"""One script carried out in virtual time."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from config.audit import Actor
from config.refusals import Refused
from issuers.selectors import card_of
from issuers.services import blacklist
from settlement.simulation.casting import Cast, PortalRefusedUs, agreed
from settlement.simulation.children import Answer
from settlement.simulation.consumer import Consumer
from settlement.simulation.device import DAY_S
from settlement.simulation.journal import Journal
from settlement.simulation.plan import CUTS, SKEWS, FaultKind
from settlement.simulation.troupe import Troupe
from settlement.simulation.uploads import EMPTY
from settlement.simulation.virtual import workers
from settlement.simulation.virtual.agenda import Agenda
from settlement.simulation.virtual.cash_corner import CashCorner
from settlement.simulation.virtual.clock import Clock
from settlement.simulation.virtual.script import EVENTS_PER_ROUND, Event, Fault, Kind, Script
from settlement.simulation.virtual.street import Street

_PATIENCE_S: Final = 5.0
_HEARS_EVERY: Final = 25
_SPREADS_EVERY: Final = 10
_HOUR_S: Final = 3600
_TO_RENEW: Final = frozenset(
    {
        "uses_exhausted",
        "cumulative_exceeded",
        "contact_overdue",
        "certificate_expired",
        "card_unknown",
    }
)
_CERTIFY_LATER: Final = frozenset({"unreachable", "card_blocked", "nothing_available"})
_PHONE_AWAY: Final = frozenset({FaultKind.LOST_COMMAND, FaultKind.PHONE_OFF})
_READER_AWAY: Final = frozenset({FaultKind.READER_OFFLINE, FaultKind.READER_DAYS})
_WRITTEN_BY_US: Final = _PHONE_AWAY | _READER_AWAY


@dataclass(slots=True, kw_only=True)
class Play:
    """A script, who plays it, and what came of its taps; ``agenda``: what the tills are at."""

    script: Script
    cast: Cast
    troupe: Troupe
    clock: Clock
    agenda: Agenda
    street: Street
    corner: CashCorner
    journal: Journal
    consumer: Consumer
    actor: Actor
    taps: dict[int, Answer] = field(default_factory=dict)
    _to_renew: set[tuple[int, int]] = field(default_factory=set)
    _clones: dict[int, int] = field(default_factory=dict)  # by first event of its fault

    def play(self) -> dict[int, Answer]:
        """Carry out every event, then bring everything home; return how each tap ended.

        :raises PortalRefusedUs: the portal refused what no fault explains
        """
        for event in self.script.events:
            if event.number % EVENTS_PER_ROUND == 1:
                self.street.begin(event.number // EVENTS_PER_ROUND)
                self.corner.begin(event.number // EVENTS_PER_ROUND)
            self.agenda.pass_by(event.wait_s)
            self._set_conditions(event.number)
            self._do(event)
            if event.works:
                workers.take_turns(at=self.clock.at())
            if event.number % _SPREADS_EVERY == 0:
                workers.spread(at=self.clock.at())
                workers.tidy(at=self.clock.at())
            if event.number % _HEARS_EVERY == 0:
                self.consumer.poll()
        self._end()
        return self.taps

    @property
    def _at(self) -> int:
        return int(self.clock.now())

    def _do(self, event: Event) -> None:
        doing: dict[Kind, Callable[[Event], None]] = {
            Kind.TAP: self._tap,
            Kind.UPLOAD: self._upload,
            Kind.POLL: self._poll,
            Kind.FETCH: self._fetch,
            Kind.BLOCK: self._block,
            Kind.UNBLOCK: self._unblock,
        }
        doing[event.kind](event)

    def _faults(self, number: int, *kinds: FaultKind) -> list[Fault]:
        return [each for each in self.script.faults if each.kind in kinds and each.lasts(number)]

    def _set_conditions(self, number: int) -> None:
        for fault in self.script.faults:
            if number == fault.first:
                self._begin(fault)
            if number == fault.last and fault.kind is FaultKind.ATC_ROLLBACK:
                self.troupe.phones.ask("roll_back", phone=fault.subject)
        for fault in self.script.faults:
            if number in {fault.first, fault.last}:
                self._set_devices(number)
                return

    def _begin(self, fault: Fault) -> None:
        if fault.kind in _WRITTEN_BY_US:
            self.journal.note("fault", result=fault.kind, subject=fault.subject)
        if fault.kind is FaultKind.READER_DAYS:
            self._set_devices(fault.first)  # it is cut off before the days pass
            self.clock.go_on(fault.variant * _HOUR_S)
            workers.do_rounds(at=self.clock.at())
        if fault.kind in {FaultKind.ATC_ROLLBACK, FaultKind.CLONED_PHONE}:
            self.troupe.phones.ask("back_up", phone=fault.subject)
        if fault.kind is FaultKind.CLONED_PHONE:
            copy = len(self.script.cards) + len(self._clones)
            self.troupe.phones.ask("clone", phone=copy, of=fault.subject)
            self._clones[fault.first] = copy

    def _set_devices(self, number: int) -> None:
        """Give each device the network and the clock that the faults at work leave it."""
        phones_away = {each.subject for each in self._faults(number, *_PHONE_AWAY)}
        readers_away = {each.subject for each in self._faults(number, *_READER_AWAY)}
        skews = self._skews(number)
        for phone in range(len(self.script.cards)):
            words = {"phone": phone}
            self.troupe.phones.ask("network", away=phone in phones_away, **words)
            self.troupe.phones.ask("skew", seconds=skews.get(("phone", phone), 0), **words)
        for number_, reader in enumerate(self.troupe.readers):
            reader.ask("network", away=number_ in readers_away)
            reader.ask("skew", seconds=skews.get(("reader", number_), 0))

    def _skews(self, number: int) -> dict[tuple[str, int], int]:
        found = {}
        for fault in self._faults(number, FaultKind.CLOCK_SKEW):
            whose, days = SKEWS[fault.variant]
            found[whose, fault.subject] = days * DAY_S
        return found

    def _is_off(self, event: Event) -> bool:
        return any(
            fault.subject == event.phone
            for fault in self._faults(event.number, FaultKind.PHONE_OFF)
        )

    def _tap(self, event: Event) -> None:
        if self._is_off(event):
            return
        cuts = [CUTS[each.variant] for each in self._faults(event.number, FaultKind.POWER_CUT)]
        told = self._pay(event, event.phone, event.reader, cut=cuts[0] if cuts else ("", ""))
        if event.voids and told["state"] == "approved":
            self.troupe.void(
                number=len(self.taps),
                reader=event.reader,
                phone=event.phone,
                card=self._card(event),
                approval_code=told["code"],
                at=self._at,
            )
        for fault in self._faults(event.number, FaultKind.CLONED_PHONE):
            if fault.subject == event.phone:
                elsewhere = (event.reader + 1) % len(self.troupe.readers)
                self._pay(event, self._clones[fault.first], elsewhere)

    def _pay(
        self, event: Event, phone: int, reader: int, *, cut: tuple[str, str] = ("", "")
    ) -> Answer:
        number = len(self.taps) + 1
        told = self.troupe.tap(
            number=number,
            reader=reader,
            phone=phone,
            card=self._card(event),
            amount_minor=event.amount_minor,
            currency=self.cast.currency,
            at=self._at,
            cut=cut,
        )
        self.taps[number] = told
        if told["code"] in _TO_RENEW and phone == event.phone:
            self._to_renew.add((event.phone, event.card))
        return told

    def _upload(self, event: Event) -> None:
        faults = {fault.kind: fault for fault in self.script.faults if fault.first == event.number}
        reader = self.troupe.readers[event.reader]
        cut = faults.get(FaultKind.INTERRUPTED_UPLOAD)
        agreed(
            reader.ask(
                "close_batch",
                at=self._at,
                tamper=FaultKind.TAMPERED_RECORD in faults,
                forge=FaultKind.FORGED_CRYPTOGRAM in faults,
            )
        )
        twice = FaultKind.DUPLICATE_UPLOAD in faults
        _agreed_or_away(
            reader.ask(
                "upload",
                at=self._at,
                patience_s=_PATIENCE_S if twice else 0.0,
                twice=twice,
                cut=None if cut is None else cut.variant,
            )
        )

    def _poll(self, event: Event) -> None:
        if self._is_off(event):
            return
        words: dict[str, Any] = {"phone": event.phone, "at": self._at}
        if not _agreed_or_away(self.troupe.phones.ask("poll", **words)):
            return
        for phone, card in sorted(self._to_renew):
            if phone == event.phone:
                told = self.troupe.phones.ask("certify", card=self.cast.cards[phone][card], **words)
                if told.get("error") not in _CERTIFY_LATER:
                    agreed(told)
                    self._to_renew.discard((phone, card))

    def _fetch(self, event: Event) -> None:
        _agreed_or_away(self.troupe.readers[event.reader].ask("sync", at=self._at))

    def _block(self, event: Event) -> None:
        # It is listed already where the portal found it copied.
        with suppress(blacklist.CardBlockedAlready):
            done = blacklist.block_and_publish(
                card=card_of(reference=self._card(event)),
                reason=event.reason,
                at=self.clock.at(),
                actor=self.actor,
            )
            self._note_act("block", event, done.version)

    def _unblock(self, event: Event) -> None:
        with suppress(blacklist.CardNotBlocked):
            done = blacklist.unblock_and_publish(
                card=card_of(reference=self._card(event)), at=self.clock.at(), actor=self.actor
            )
            self._note_act("unblock", event, done.version)

    def _note_act(self, verb: str, event: Event, version: int) -> None:
        self.journal.note(verb, result=f"v{version}", card=self._card(event), at=self._at)

    def _card(self, event: Event) -> str:
        return self.cast.cards[event.phone][event.card]

    def _end(self) -> None:
        """End all faults, send all there is, and let everybody hear the news."""
        last = len(self.script.events)
        for fault in self.script.faults:
            if fault.kind is FaultKind.ATC_ROLLBACK and fault.last > last:
                self.troupe.phones.ask("roll_back", phone=fault.subject)
        self._set_devices(0)
        self.street.end()
        self.corner.end(actor=self.actor)
        self.clock.go_on(60)
        for reader in self.troupe.readers:
            while agreed(self._send_rest(reader))["state"] != EMPTY:
                pass
        while not workers.are_idle():
            self.clock.go_on(30)
            workers.take_turns(at=self.clock.at())
        workers.take_turns(at=self.clock.at())
        workers.spread(at=self.clock.at())
        for answer in self.troupe.sync_readers(at=self._at):
            agreed(answer)
        for answer in self.troupe.poll_phones(range(len(self.script.cards)), at=self._at):
            agreed(answer)
        for phone in range(len(self.script.cards)):
            _agreed_or_refused(self.troupe.phones.ask("send_copies", phone=phone))
        self.consumer.settle(all_numbered=lambda: True, wait=workers.number)

    def _send_rest(self, reader: Any) -> Answer:
        answer: Answer = reader.ask("upload", at=self._at, patience_s=_PATIENCE_S)
        return answer


def _agreed_or_away(answer: Answer) -> bool:
    """Return whether it was done; a device without network does it later.

    :raises PortalRefusedUs: the portal refused
    """
    if answer.get("error") == "unreachable":
        return False
    agreed(answer)
    return True


def _agreed_or_refused(answer: Answer) -> None:
    with suppress(PortalRefusedUs, Refused):
        agreed(answer)
