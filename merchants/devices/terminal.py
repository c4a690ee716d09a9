"""A merchant's terminal: it makes T-IDs, asks for payments, and learns what became of them.

Pure but for the callbacks it is given: time comes as seconds (``at``, the till's own clock, epoch),
randomness from ``random_bytes``, and what is to be sent or asked is handed back as effects. The
state is saved before an effect leaves, so that no power cut loses a T-ID the customer holds or a
result that was acknowledged.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from config.wire.errors import BadSignature, Malformed
from merchants.devices.bills import RelayCall, Slot
from merchants.devices.identity import Identity
from merchants.devices.sale import Sale
from merchants.devices.sale_book import SaleBook, UnknownSale
from merchants.devices.sale_facts import Call, CallKind, Display, Facts, Opened
from merchants.devices.tids import TidMaker
from merchants.wire.datagram import Datagram, DatagramKind

type State = dict[str, Any]
type Effect = Send | Call | RelayCall

_TOLD: Final = frozenset({DatagramKind.REGISTERED, DatagramKind.RESULT, DatagramKind.STATE})
_REUSED: Final = "tid_reused"
_CLOCKS_AGREE_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A datagram to the result notification server at ``address`` (host, port)."""

    address: tuple[str, int]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One T-ID as the screen shows it; ``reason`` says why it was declined or ended otherwise."""

    tid: str
    amount_minor: int
    currency: str
    order: str
    display: Display
    approval_code: str = ""
    reason: str = ""


class Terminal:
    """One terminal with its sales. ``counter``: see :class:`TidMaker`."""

    def __init__(
        self,
        *,
        identity: Identity,
        save: Callable[[State], None],
        save_counter: Callable[[int], None],
        random_bytes: Callable[[int], bytes],
        counter: int | None = None,
        ceiling: int = 0,
    ) -> None:
        self.identity = identity
        self.offset_s = 0.0  # the server's clock less this one: datagrams more than 30 s off drop
        self.ignored: Counter[str] = Counter()  # datagrams by cause
        self._save = save
        self._saved: State | None = None
        self._sales = SaleBook(identity=identity, random_bytes=random_bytes, note=self._note)
        self._maker = TidMaker(
            number=identity.number,
            secret=identity.secret,
            random_bytes=random_bytes,
            save=save_counter,
            save_ceiling=self._save_ceiling,
            counter=counter,
            ceiling=ceiling,
        )

    def request(
        self,
        *,
        amount_minor: int,
        currency: str,
        at: float,
        order: str = "",
        slot: Slot | None = None,
    ) -> tuple[str, list[Effect]]:
        """Return a new T-ID to give to the customer, and what to send at the same time.

        With ``slot`` the bill goes to a relay too; an older bill of the same order there is
        replaced and its T-ID cancelled.

        :raises CounterExhausted: the terminal has to enrol anew
        :raises Malformed: what is to be paid does not make a T-ID or a bill
        """
        made = self._maker.new(amount_minor=amount_minor, currency=currency, order=order)
        facts = Facts(
            tid=made, amount_minor=amount_minor, currency=currency, order=order, opened_at=at
        )
        with ExitStack() as undo:
            undo.callback(self._sales.forget, made)  # nobody has seen it yet
            self._sales.add(facts=facts, slot=slot, server_at=at + self.offset_s)
            effects = self._changed(at=at)
            undo.pop_all()
        return made, effects

    def cancel(self, *, tid: str, at: float) -> list[Effect]:
        """End a payment, or reverse a paid one; return what to send.

        :raises UnknownSale: no such T-ID here
        """
        self._sales.known(tid).cancel()
        return self._changed(at=at)

    def received(self, data: bytes, *, at: float) -> list[Effect]:
        """Take what came over UDP, from whomever; return what to send.

        What is not the server's word is counted in :attr:`ignored` and changes nothing.
        """
        datagram = self._opened(data)
        if datagram is None:
            return []
        try:
            sale = self._sales.known(datagram.tid)
        except UnknownSale:
            self._note("unknown_tid")
            return []
        ack = sale.heard(datagram, at=at, server_at=at + self.offset_s)
        effects = self._changed(at=at)  # saved by now: only what is kept is acknowledged
        return effects if ack is None else [_send(sale, ack), *effects]

    def _opened(self, data: bytes) -> Datagram | None:
        try:
            datagram = Datagram.decode(data, self.identity.secret)
        except BadSignature:
            self._note("mac")
            return None
        except Malformed:
            self._note("malformed")
            return None
        if datagram.terminal != self.identity.number or datagram.kind not in _TOLD:
            self._note("kind")  # our own words thrown back, above all
            return None
        return datagram

    def _note(self, cause: str) -> None:
        self.ignored[cause] += 1

    def tick(self, *, at: float) -> list[Effect]:
        """Return what is due by now."""
        effects: list[Effect] = []
        for sale in self._sales:
            datagrams = sale.tick(at=at, server_at=at + self.offset_s)
            effects += [_send(sale, data) for data in datagrams]
        return effects + self._changed(at=at)

    def due_at(self) -> float | None:
        """Return when :meth:`tick` has something to do next; None: only when something happens."""
        return self._sales.due_at(offset_s=self.offset_s)

    def answered(
        self,
        call: Call,
        document: Mapping[str, Any],
        *,
        at: float,
        server_time: float | None = None,
    ) -> list[Effect]:
        """Take the portal's answer to a call; ``server_time`` is the answer's Date, if any."""
        if server_time is not None:
            # The Date header has whole seconds: less than that is no difference.
            offset_s = server_time - at
            self.offset_s = offset_s if abs(offset_s) > _CLOCKS_AGREE_S else 0.0
        sale = self._sales.known(call.tid)
        try:
            opened = _opening(document) if call.kind is CallKind.REQUEST else None
            sale.told(document, kind=call.kind, at=at, opened=opened)
        except (LookupError, TypeError, ValueError):
            sale.unreachable(at=at)  # not the portal's words
        return self._changed(at=at)

    def refused(
        self, call: Call, *, status: int, code: str, at: float, state: str = ""
    ) -> list[Effect]:
        """Take a problem for an answer; ``state`` is the payment's, where the problem has it."""
        sale = self._sales.known(call.tid)
        if call.kind is CallKind.REQUEST and code == _REUSED:
            self._maker.skip()
        sale.refused(kind=call.kind, status=status, code=code, state=state, at=at)
        return self._changed(at=at)

    def unreachable(self, call: Call | RelayCall, *, at: float) -> list[Effect]:
        """Take it that a call got no answer that decides."""
        self._sales.unreachable(call, at=at)
        return self._changed(at=at)

    def relay_consented(self, call: RelayCall, *, at: float) -> list[Effect]:
        """Take it that the relay holds the bill, or has cleared the slot."""
        bill = self._sales.known(call.tid).bill
        assert bill is not None  # the call was that bill's
        bill.done(method=call.method)
        return self._changed(at=at)

    def relay_refused(self, call: RelayCall, *, code: str, at: float) -> list[Effect]:
        """Take the relay's refusal; the payment of a bill it does not take is cancelled."""
        self._sales.relay_refused(self._sales.known(call.tid), code=code)
        return self._changed(at=at)

    def show(self, *, tid: str) -> Shown:
        """Return what the screen says about a T-ID.

        :raises UnknownSale: no such T-ID here
        """
        return _shown(self._sales.known(tid))

    def show_all(self) -> list[Shown]:
        """Return all sales that are open or ended lately, the oldest first."""
        return [_shown(sale) for sale in self._sales]

    def _changed(self, *, at: float) -> list[Effect]:
        """Collect what is to be asked now, and save what changed before any of it leaves."""
        calls = self._sales.calls(at=at, server_at=at + self.offset_s)
        with ExitStack() as undo:
            for call in calls:
                # What cannot be saved does not leave: it is asked later.
                undo.callback(self._sales.unreachable, call, at=at)
            self.save()
            undo.pop_all()
        return [*calls]

    def save(self) -> None:
        """Hand the state to ``save`` unless it has this one already.

        :raises OSError: the disk did not take it
        """
        state = self.to_state()
        if state != self._saved:
            self._save(state)
            self._saved = state

    def _save_ceiling(self, ceiling: int) -> None:
        self._save(self.to_state() | {"ceiling": ceiling})

    def to_state(self) -> State:
        """Return the terminal as JSON-able values; secret and key are in it: keep it as a secret.

        The counter is not in it but in a file of its own (``tids``).
        """
        return {
            "identity": self.identity.to_state(),
            "ceiling": self._maker.ceiling,
            "sales": self._sales.to_state(),
        }

    @classmethod
    def from_state(
        cls,
        state: State,
        *,
        counter: int | None,
        at: float,
        save: Callable[[State], None],
        save_counter: Callable[[int], None],
        random_bytes: Callable[[int], bytes],
    ) -> Self:
        """Return the terminal that :meth:`to_state` wrote; what is open is asked for anew.

        ``counter`` is None where its file is lost.
        """
        terminal = cls(
            identity=Identity.from_state(state["identity"]),
            save=save,
            save_counter=save_counter,
            random_bytes=random_bytes,
            counter=counter,
            ceiling=state["ceiling"],
        )
        terminal._sales.resume(state["sales"], at=at)
        return terminal


def _send(sale: Sale, data: bytes) -> Send:
    return Send(address=(sale.facts.rns_host, sale.facts.rns_port), data=data)


def _shown(sale: Sale) -> Shown:
    facts = sale.facts
    return Shown(
        tid=facts.tid,
        amount_minor=facts.amount_minor,
        currency=facts.currency,
        order=facts.order,
        display=sale.display,
        approval_code=facts.approval_code,
        reason=facts.refused or facts.reason,
    )


def _opening(document: Mapping[str, Any]) -> Opened:
    """Return what the answer to a request adds, or raise what a wrong one makes us stumble on."""
    return Opened(
        expires_at=datetime.fromisoformat(document["expires_at"]).timestamp(),
        rns_host=str(document["rns"]["host"]),
        rns_port=int(document["rns"]["port"]),
    )
