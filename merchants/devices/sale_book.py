"""All sales of one terminal, by T-ID: which is asked about next, which may be forgotten."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from merchants.devices.bills import LeftBill, Phase, RelayCall, Slot, bill_for
from merchants.devices.identity import Identity
from merchants.devices.notices import Notices
from merchants.devices.sale import LIFE_S, Sale
from merchants.devices.sale_facts import Call, Facts

_SLOT_TAKEN: Final = "slot_taken"
CLOSED_KEPT: Final = 100  # a reversal may still be told, and acknowledged


class UnknownSale(Exception):
    """This terminal holds no such T-ID."""


class SaleBook:
    """The sales of one terminal, the oldest first. ``note``: see :class:`Sale`."""

    def __init__(
        self,
        *,
        identity: Identity,
        random_bytes: Callable[[int], bytes],
        note: Callable[[str], None],
    ) -> None:
        self._identity = identity
        self._random_bytes = random_bytes
        self._note = note
        self._sales: dict[str, Sale] = {}

    def __iter__(self) -> Iterator[Sale]:
        return iter(self._sales.values())

    def known(self, tid: str) -> Sale:
        """Return the sale of a T-ID.

        :raises UnknownSale: there is none
        """
        sale = self._sales.get(tid)
        if sale is None:
            raise UnknownSale(tid)
        return sale

    def add(self, *, facts: Facts, slot: Slot | None, server_at: float) -> None:
        """Enter a new sale, its bill for ``slot`` included.

        An older bill of the same order there is replaced and its payment cancelled.

        :raises Malformed: what is to be paid does not make a bill
        """
        bill = None
        if slot is not None:
            bill = self._bill(facts, slot, expires=int(server_at + LIFE_S))
            self._replace(order=facts.order, slot=slot)
        self._sales[facts.tid] = self._sale(facts, bill)
        self._forget_oldest()

    def _bill(self, facts: Facts, slot: Slot, *, expires: int) -> LeftBill:
        return bill_for(
            key=self._identity.key,
            merchant=self._identity.merchant,
            number=self._identity.number,
            tid=facts.tid,
            amount_minor=facts.amount_minor,
            currency=facts.currency,
            order=facts.order,
            slot=slot,
            expires=expires,
            random_bytes=self._random_bytes,
        )

    def _replace(self, *, order: str, slot: Slot) -> None:
        for older in self:
            bill = older.bill
            if bill is not None and (bill.slot, bill.order) == (slot, order):
                bill.replaced()
                if not older.facts.is_closed:
                    older.cancel(reason="replaced")

    def _sale(self, facts: Facts, bill: LeftBill | None) -> Sale:
        notices = Notices(
            tid=facts.tid,
            number=self._identity.number,
            secret=self._identity.secret,
            random_bytes=self._random_bytes,
            # Where no datagram gets through, the next customer need not wait to learn it anew.
            is_deaf=bool(self._sales) and next(reversed(self._sales.values())).notices.is_deaf,
        )
        return Sale(facts=facts, notices=notices, note=self._note, bill=bill)

    def forget(self, tid: str) -> None:
        """Take out a sale that was never asked for."""
        self._sales.pop(tid, None)

    def _forget_oldest(self) -> None:
        at_rest = [sale.facts.tid for sale in self if sale.is_at_rest]
        for tid in at_rest[:-CLOSED_KEPT]:
            del self._sales[tid]

    def calls(self, *, at: float, server_at: float) -> list[Call | RelayCall]:
        """Return what is to be asked of portal and relays now."""
        due: list[Call | RelayCall | None] = []
        for sale in self:
            # The relay first: what it does not take is to be cancelled at once.
            due += [self._relay_call(sale, at=at, server_at=server_at), sale.next_call(at=at)]
        return [call for call in due if call is not None]

    def _relay_call(self, sale: Sale, *, at: float, server_at: float) -> RelayCall | None:
        bill = sale.bill
        if bill is None:
            return None
        if sale.facts.is_closed:
            bill.clear(key=self._identity.key, random_bytes=self._random_bytes)
        if any(bill.is_shut_out_by(other) for other in self._bills()):
            self.relay_refused(sale, code=_SLOT_TAKEN)
        if self._must_wait(bill):
            return None
        return bill.next_call(at=at, server_at=server_at)

    def _bills(self) -> list[LeftBill]:
        return [sale.bill for sale in self if sale.bill is not None]

    def _must_wait(self, bill: LeftBill) -> bool:
        return any(bill.must_wait_for(other) for other in self._bills())

    def relay_refused(self, sale: Sale, *, code: str) -> None:
        """Take it that the relay does not hold a sale's bill: its payment is cancelled."""
        assert sale.bill is not None  # the refusal is about it
        was_leaving = sale.bill.phase is Phase.LEAVING
        sale.bill.refused()
        if was_leaving and not sale.facts.is_closed:
            sale.cancel(reason=code)

    def unreachable(self, call: Call | RelayCall, *, at: float) -> None:
        """Take it that a call got no answer that decides.

        :raises UnknownSale: it was none of these sales'
        """
        sale = self.known(call.tid)
        if isinstance(call, Call):
            sale.unreachable(at=at)
        elif sale.bill is not None:
            sale.bill.unreachable(at=at)

    def due_at(self, *, offset_s: float) -> float | None:
        """Return when there is something to do next; ``offset_s``: server's clock less local."""
        times = [sale.due_at(offset_s=offset_s) for sale in self]
        times += [bill.due_at for bill in self._bills() if not self._must_wait(bill)]
        return min((time for time in times if time is not None), default=None)

    def to_state(self) -> list[dict[str, Any]]:
        """Return the sales as JSON-able values."""
        return [
            sale.facts.to_state() | {"bill": sale.bill and sale.bill.to_state()} for sale in self
        ]

    def resume(self, state: list[dict[str, Any]], *, at: float) -> None:
        """Take what :meth:`to_state` wrote; what is open is asked for anew."""
        for entry in state:
            kept = {name: value for name, value in entry.items() if name != "bill"}
            bill = entry["bill"] and LeftBill.from_state(entry["bill"], tid=entry["tid"])
            sale = self._sales[entry["tid"]] = self._sale(Facts(**kept), bill)
            sale.resume(at=at)
