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
from issuers.selectors import card_of
from issuers.services import blacklist
from settlement.simulation.casting import Cast, agreed
from settlement.simulation.children import Answer, Party
from settlement.simulation.conditions import Conditions
from settlement.simulation.consumer import Consumer
from settlement.simulation.ending import Ending
from settlement.simulation.journal import Journal
from settlement.simulation.market import Market
from settlement.simulation.plan import AT_UPLOAD, Act, FaultKind, Plan, Tap
from settlement.simulation.troupe import Troupe
from settlement.simulation.uploads import EMPTY

_PATIENCE_S: Final = 60.0
_NEVER: Final = -1  # a round in which no fault is at work
_USUAL: Final[dict[str, dict[str, Any]]] = {"network": {"away": False}, "skew": {"seconds": 0}}
_NO_ROOM: Final = frozenset({"uses_exhausted", "cumulative_exceeded"})


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a plan: by tap number how it ended."""

    taps: dict[int, Answer] = field(default_factory=dict)


class Performance:
    """A plan, the troupe that plays it, and its state between rounds."""

    def __init__(
        self,
        *,
        plan: Plan,
        cast: Cast,
        troupe: Troupe,
        journal: Journal,
        actor: Actor,
        consumer: Consumer,
        market: Market,
    ) -> None:
        self._plan = plan
        self._cast = cast
        self._troupe = troupe
        self._journal = journal
        self._actor = actor
        self._consumer = consumer
        self._market = market
        self._outcome = Outcome()
        self._to_renew: set[tuple[int, int]] = set()
        self._sent: dict[int, Future[Answer]] = {}
        self._conditions = Conditions(plan)
        self._set_to: dict[tuple[object, ...], dict[str, Any]] = {}
        self._start = int(time.time()) + 1

    def play(self) -> Outcome:
        """Carry out every round and the end, in which all networks are back and all is sent.

        :raises PortalAway: the portal fell silent
        :raises PortalRefusedUs: it refused what no fault explains
        """
        for number in range(self._plan.rounds):
            self._wait_for(number)
            self._set_conditions(number)
            self._market.begin(number)
            self._hear_news(number)
            self._renew(number)
            self._tap(number)
            self._upload(number)
            self._act(number)
            self._consumer.poll()
        self._end()
        return self._outcome

    def _at(self, number: int) -> int:
        return self._start + number

    def _wait_for(self, number: int) -> None:
        time.sleep(max(0.0, self._at(number) - time.time()))

    def _set_conditions(self, number: int) -> None:
        """Let faults begin and end: networks, clocks, and the power cuts of this round."""
        for fault in self._conditions.beginning(number):
            self._journal.note("fault", result=fault.kind, subject=fault.subject)
        for phone in range(len(self._plan.cards)):
            away = self._conditions.phone_is_away(phone, number)
            skew_s = self._conditions.phone_skew_s(phone, number)
            self._set(self._troupe.phones, {"phone": phone}, "network", {"away": away})
            self._set(self._troupe.phones, {"phone": phone}, "skew", {"seconds": skew_s})
        for reader, child in enumerate(self._troupe.readers):
            away = self._conditions.reader_is_away(reader, number)
            skew_s, kind = self._conditions.reader_skew_s(reader, number)
            words = {"seconds": skew_s} | ({"kind": kind} if skew_s else {})
            # What is under way ends first: it began under the old conditions.
            self._set(child, {}, "network", {"away": away}, first=reader)
            self._set(child, {}, "skew", words, first=reader)
        for tap in self._plan.taps:
            if tap.round == number and any(self._conditions.cut(tap)):
                self._await_result(tap.reader)

    def _set(
        self,
        child: Party,
        whose: dict[str, int],
        what: str,
        words: dict[str, Any],
        *,
        first: int | None = None,
    ) -> None:
        """Give an order about a condition that is not as it was; ``first``: await that reader."""
        name = (child.name, *whose.values(), what)
        if self._set_to.get(name, _USUAL[what]) == words:
            return
        if first is not None:
            self._await_result(first)
        self._set_to[name] = words
        child.ask(what, **whose, **words)

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
            if tap.round == number and not self._conditions.phone_is_off(tap.phone, number):
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
            cut=self._conditions.cut(tap),
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
        agreed(
            child.ask(
                "close_batch",
                at=at,
                tamper=FaultKind.TAMPERED_RECORD in faults,
                forge=FaultKind.FORGED_CRYPTOGRAM in faults,
            )
        )
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
        _agreed_or_away(answer)

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
        else:
            done = blacklist.unblock_and_publish(card=card, at=at, actor=self._actor)
        verb = "block" if act.reason else "unblock"
        self._journal.note(verb, result=f"v{done.version}", card=token, at=at.timestamp())

    def _end(self) -> None:
        """Bring all networks back, tell everybody the news and empty every reader."""
        number, at = self._plan.rounds, self._at(self._plan.rounds)
        self._wait_for(number)
        self._set_conditions(_NEVER)
        for answer in self._troupe.sync_readers(at=at):
            agreed(answer)
        for answer in self._troupe.poll_phones(range(len(self._plan.cards)), at=at):
            agreed(answer)
        for reader in range(self._plan.readers):
            self._empty(reader, number)
        ending = Ending(
            plan=self._plan,
            cast=self._cast,
            troupe=self._troupe,
            empty=lambda reader: self._empty(reader, number),
            at=at,
        )
        ending.play()
        self._outcome.taps |= ending.taps
        for phone in range(len(self._plan.cards)):
            agreed(self._troupe.phones.ask("send_copies", phone=phone))
        self._market.end()

    def _empty(self, reader: int, number: int) -> None:
        """Send until nothing is left: a batch that waited, then what came after it."""
        self._await_result(reader)
        while agreed(self._sending(reader, number)())["state"] != EMPTY:
            pass


def _agreed_or_away(answer: Answer) -> bool:
    """Return whether it was done; a device without network simply does it later.

    :raises PortalRefusedUs: the portal refused
    """
    if answer.get("error") == "unreachable":
        return False
    agreed(answer)
    return True
