"""One plan carried out, round by round, by processes that know nothing of each other.

Everybody's time is logical: round r is second r of the run, for readers, phones and the issuer's
desk alike. A round waits for its second to come, never the other way round, so logical time runs
behind the portal's own clock and each record's time is one the portal takes.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from config.audit import Actor
from config.wire import b64
from issuers.models import Credential
from issuers.selectors import card_of
from issuers.services import blacklist
from settlement.simulation.casting import Cast, agreed
from settlement.simulation.children import Answer
from settlement.simulation.journal import Journal
from settlement.simulation.plan import AT_UPLOAD, Act, Fault, FaultKind, Plan, Tap
from settlement.simulation.troupe import Troupe
from settlement.simulation.uploads import EMPTY

_PATIENCE_S: Final = 60.0
_NO_ROOM: Final = frozenset({"uses_exhausted", "cumulative_exceeded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A card on the list: which credentials (serials), from which version until before which."""

    card: str
    serials: frozenset[str]
    added_in: int
    removed_in: int | None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a plan: by tap number how it ended, and what went wrong on purpose."""

    taps: dict[int, Answer] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    changed_answers: int = 0  # a batch sent again whose result was another


class Performance:
    """A plan, the troupe that plays it, and its state between rounds."""

    def __init__(
        self, *, plan: Plan, cast: Cast, troupe: Troupe, journal: Journal, actor: Actor
    ) -> None:
        self._plan = plan
        self._cast = cast
        self._troupe = troupe
        self._journal = journal
        self._actor = actor
        self._outcome = Outcome()
        self._to_renew: set[tuple[int, int]] = set()
        self._sent: dict[int, Future[Answer]] = {}
        self._start = int(time.time()) + 1

    def play(self) -> Outcome:
        """Carry out every round and the end, in which all networks are back and all is sent.

        :raises PortalAway: the portal fell silent
        :raises PortalRefusedUs: it refused what no fault explains
        """
        for number in range(self._plan.rounds):
            self._wait_for(number)
            self._set_networks(number)
            self._hear_news(number)
            self._renew(number)
            self._tap(number)
            self._upload(number)
            self._act(number)
        self._end()
        return self._outcome

    def _at(self, number: int) -> int:
        return self._start + number

    def _wait_for(self, number: int) -> None:
        time.sleep(max(0.0, self._at(number) - time.time()))

    def _set_networks(self, number: int) -> None:
        """Take networks down where a fault begins; bring them back where the last one ends."""
        for kind, order in (
            (FaultKind.LOST_COMMAND, self._phone_network),
            (FaultKind.READER_OFFLINE, self._reader_network),
        ):
            faults = [fault for fault in self._plan.faults if fault.kind is kind]
            for subject in sorted({fault.subject for fault in faults}):
                away = any(_lasts(each, number) for each in faults if each.subject == subject)
                order(subject, away=away)
            self._outcome.faults += [kind.value for each in faults if each.round == number]

    def _phone_network(self, phone: int, *, away: bool) -> None:
        self._troupe.phones.ask("network", phone=phone, away=away)

    def _reader_network(self, reader: int, *, away: bool) -> None:
        self._await_result(reader)
        self._troupe.readers[reader].ask("network", away=away)

    def _hear_news(self, number: int) -> None:
        at = self._at(number)
        heard = self._troupe.sync_readers(at=at)
        heard += self._troupe.poll_phones(range(len(self._plan.cards)), at=at)
        for answer in heard:
            _agreed_or_away(answer)

    def _renew(self, number: int) -> None:
        """Get a new certificate for each card whose counts were full; who is away tries later."""
        for phone, card in sorted(self._to_renew):
            told = self._troupe.phones.ask(
                "certify", phone=phone, card=self._cast.cards[phone][card], at=self._at(number)
            )
            if _agreed_or_away(told):
                self._to_renew.discard((phone, card))

    def _tap(self, number: int) -> None:
        """Let the taps of each reader follow one another, and the readers work side by side."""
        lanes: dict[int, list[Tap]] = defaultdict(list)
        for tap in self._plan.taps:
            if tap.round == number:
                lanes[tap.reader].append(tap)
        self._troupe.together(*(self._lane(lane, self._at(number)) for lane in lanes.values()))

    def _lane(self, taps: list[Tap], at: int) -> Callable[[], None]:
        def follow() -> None:
            for tap in taps:
                self._pay(tap, at)

        return follow

    def _pay(self, tap: Tap, at: int) -> None:
        card = self._cast.cards[tap.phone][tap.card]
        party: dict[str, Any] = {"reader": tap.reader, "phone": tap.phone, "card": card, "at": at}
        told = self._troupe.tap(
            number=tap.number,
            amount_minor=tap.amount_minor,
            currency=self._cast.currency,
            **party,
        )
        self._outcome.taps[tap.number] = told
        if told["code"] in _NO_ROOM:
            self._to_renew.add((tap.phone, tap.card))
        if tap.voids and told["state"] == "approved":
            void = self._troupe.void(number=tap.number, approval_code=told["code"], **party)
            told["voided"] = void["state"] == "approved"

    def _upload(self, number: int) -> None:
        """Close the batches of this round now and send them while the next rounds go on.

        What a batch holds is settled here, so its result may come whenever it comes. It is waited
        for before that reader's next batch, and before its network changes.
        """
        senders = [each.reader for each in self._plan.uploads if each.round == number]
        for reader in senders:
            self._await_result(reader)
            self._sent[reader] = self._troupe.begin(self._sending(reader, number))

    def _sending(self, reader: int, number: int) -> Callable[[], Answer]:
        at = self._at(number)
        faults = {
            fault.kind: fault
            for fault in self._plan.faults
            if (fault.round, fault.subject) == (number, reader) and fault.kind in AT_UPLOAD
        }
        cut = faults.get(FaultKind.INTERRUPTED_UPLOAD)
        child = self._troupe.readers[reader]
        closed = agreed(
            child.ask(
                "close_batch",
                at=at,
                tamper=FaultKind.TAMPERED_RECORD in faults,
                forge=FaultKind.FORGED_CRYPTOGRAM in faults,
            )
        )
        self._outcome.faults += closed["faults"]
        return lambda: child.ask(
            "upload",
            at=at,
            patience_s=_PATIENCE_S,
            twice=FaultKind.DUPLICATE_UPLOAD in faults,
            cut=None if cut is None else cut.variant,
        )

    def _await_result(self, reader: int) -> None:
        sending = self._sent.pop(reader, None)
        if sending is None:
            return
        answer = sending.result()
        if _agreed_or_away(answer):
            self._outcome.faults += answer["faults"]
            self._outcome.changed_answers += not answer.get("same_again", True)

    def _act(self, number: int) -> None:
        """Block and unblock as the issuer's desk would, at the moment the next round begins."""
        at = datetime.fromtimestamp(self._at(number + 1), UTC)
        for act in self._plan.acts:
            if act.round == number:
                self._carry_out(act, at)

    def _carry_out(self, act: Act, at: datetime) -> None:
        token = self._cast.cards[act.phone][act.card]
        card = card_of(reference=token)
        if act.reason:
            done = blacklist.block_and_publish(
                card=card, reason=act.reason, at=at, actor=self._actor
            )
            listed = Credential.objects.filter(card=card).values_list("serial", flat=True)
            self._outcome.listings.append(
                Listing(
                    card=token,
                    serials=frozenset(b64.encode(bytes(serial)) for serial in listed),
                    added_in=done.version,
                    removed_in=None,
                )
            )
        else:
            done = blacklist.unblock_and_publish(card=card, at=at, actor=self._actor)
            self._lift(token, done.version)
        verb = "block" if act.reason else "unblock"
        self._journal.note(verb, result=f"v{done.version}", card=token, at=at.timestamp())

    def _lift(self, token: str, version: int) -> None:
        listings = self._outcome.listings
        for place, each in enumerate(listings):
            if each.card == token and each.removed_in is None:
                listings[place] = Listing(
                    card=token, serials=each.serials, added_in=each.added_in, removed_in=version
                )

    def _end(self) -> None:
        """Bring all networks back, tell everybody the news and empty every reader."""
        number, at = self._plan.rounds, self._at(self._plan.rounds)
        self._wait_for(number)
        for reader in range(self._plan.readers):
            self._reader_network(reader, away=False)
        for phone in range(len(self._plan.cards)):
            self._phone_network(phone, away=False)
        for answer in self._troupe.sync_readers(at=at):
            agreed(answer)
        for answer in self._troupe.poll_phones(range(len(self._plan.cards)), at=at):
            agreed(answer)
        for reader in range(self._plan.readers):
            self._empty(reader, number)
        for phone in range(len(self._plan.cards)):
            agreed(self._troupe.phones.ask("send_copies", phone=phone))

    def _empty(self, reader: int, number: int) -> None:
        """Send until nothing is left: a batch that waited, then what came after it."""
        self._await_result(reader)
        while agreed(self._sending(reader, number)())["state"] != EMPTY:
            pass


def _lasts(fault: Fault, number: int) -> bool:
    return fault.round <= number < fault.round + fault.rounds


def _agreed_or_away(answer: Answer) -> bool:
    """Return whether it was done; a device without network simply does it later.

    :raises PortalRefusedUs: the portal refused
    """
    if answer.get("error") == "unreachable":
        return False
    agreed(answer)
    return True
