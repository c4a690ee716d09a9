"""A terminal's bill in one slot of a relay: left there, replaced, cleared (protocol section 4.1).

The bill is signed once; what is sent again is the same bytes, so a lost answer harms nothing. When
the payment has ended the slot is cleared; a relay out of reach forgets the bill by itself.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

from config.wire import b64
from config.wire.keys import SigningKey
from merchants.wire import Bill, BillClear

_NONCE_BYTES: Final = 16
_RETRY_S: Final = (1.0, 2.0, 4.0, 8.0)


class Phase(StrEnum):
    """Where a bill stands, as far as its terminal knows."""

    LEAVING = "leaving"  # to be sent, or sent without an answer yet
    LEFT = "left"
    CLEARING = "clearing"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot of a relay: its device id, where it answers, and the slot's name."""

    relay: str
    url: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayCall:
    """A request to a relay, unsigned but for its body: PUT a bill or DELETE it."""

    tid: str
    method: str
    slot: Slot
    body: bytes


class LeftBill:
    """One T-ID's bill and the slot it belongs into. ``expires`` by the server's clock."""

    def __init__(self, *, tid: str, slot: Slot, order: str, data: bytes, expires: float) -> None:
        self.tid = tid
        self.slot = slot
        self.order = order
        self.phase = Phase.LEAVING
        self.is_asking = False
        self.was_sent = False
        self._data = data
        self._clear = b""
        self._expires = expires
        self._tries = 0
        self._next_at = 0.0

    @property
    def digest(self) -> str:
        """Return the ``bill_digest`` to register with the payment."""
        return b64.encode(hashlib.sha256(self._data).digest())

    @property
    def due_at(self) -> float | None:
        """Return when :meth:`next_call` has something to do next."""
        waits = self.phase in (Phase.LEAVING, Phase.CLEARING) and not self.is_asking
        return self._next_at if waits else None

    def next_call(self, *, at: float, server_at: float) -> RelayCall | None:
        """Return the request that is due; one at a time, its end is to be told."""
        if server_at >= self._expires and not self.is_asking:
            self.phase = Phase.GONE
        due_at = self.due_at
        if due_at is None or at < due_at:
            return None
        leaving = self.phase is Phase.LEAVING
        self.is_asking = True
        self.was_sent = self.was_sent or leaving
        return RelayCall(
            tid=self.tid,
            method="PUT" if leaving else "DELETE",
            slot=self.slot,
            body=self._data if leaving else self._clear,
        )

    def done(self, *, method: str) -> None:
        """Take the relay's consent."""
        self.is_asking = False
        self._tries, self._next_at = 0, 0.0
        if method == "DELETE":
            self.phase = Phase.GONE
        elif self.phase is Phase.LEAVING:
            self.phase = Phase.LEFT

    def refused(self) -> None:
        """Take the relay's refusal: it holds nothing of this bill."""
        self.is_asking = False
        self.phase = Phase.GONE

    def unreachable(self, *, at: float) -> None:
        """Take it that no answer came; it is tried again until the bill expires."""
        self.is_asking = False
        self._next_at = at + _RETRY_S[min(self._tries, len(_RETRY_S) - 1)]
        self._tries += 1

    def clear(self, *, key: SigningKey, random_bytes: Callable[[int], bytes]) -> None:
        """Empty the slot, for the payment has ended."""
        if not self.was_sent:
            self.phase = Phase.GONE
        elif self.phase in (Phase.LEAVING, Phase.LEFT):
            self._clear = BillClear(
                relay=self.slot.relay, slot=self.slot.name, nonce=random_bytes(_NONCE_BYTES)
            ).sign(key=key)
            self.phase, self._tries, self._next_at = Phase.CLEARING, 0, 0.0

    def replaced(self) -> None:
        """Take it that a newer bill of the same order takes the slot: nothing to clear."""
        self.phase = Phase.GONE

    def must_wait_for(self, other: "LeftBill") -> bool:
        """Return whether this bill may not leave before what goes on about ``other`` has ended.

        A clearing still on its way would empty the slot of the newer bill.
        """
        busy = other.phase is Phase.CLEARING or other.is_asking
        return busy and self._is_newcomer_to(other)

    def is_shut_out_by(self, other: "LeftBill") -> bool:
        """Return whether ``other``, of another order, lies in the slot this bill is meant for."""
        lies_there = other.was_sent and other.phase in (Phase.LEAVING, Phase.LEFT)
        return lies_there and self._is_newcomer_to(other) and self.order != other.order

    def _is_newcomer_to(self, other: "LeftBill") -> bool:
        is_new = self.phase is Phase.LEAVING and not self.was_sent
        return is_new and self is not other and self.slot == other.slot

    def to_state(self) -> dict[str, Any]:
        """Return the bill as JSON-able values."""
        return {
            "slot": asdict(self.slot),
            "order": self.order,
            "phase": self.phase.value,
            "was_sent": self.was_sent,
            "data": b64.encode(self._data),
            "clear": b64.encode(self._clear),
            "expires": self._expires,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], *, tid: str) -> Self:
        """Return the bill that :meth:`to_state` wrote; what was asked is asked again."""
        left = cls(
            tid=tid,
            slot=Slot(**state["slot"]),
            order=state["order"],
            data=b64.decode(state["data"]),
            expires=state["expires"],
        )
        left.phase = Phase(state["phase"])
        left.was_sent = state["was_sent"]
        left._clear = b64.decode(state["clear"])
        return left


def bill_for(
    *,
    key: SigningKey,
    merchant: str,
    number: int,
    tid: str,
    amount_minor: int,
    currency: str,
    order: str,
    slot: Slot,
    expires: int,
    random_bytes: Callable[[int], bytes],
) -> LeftBill:
    """Return a signed bill for ``slot``; ``amount_minor`` in minor units, ``expires`` epoch s."""
    data = Bill(
        merchant=merchant,
        terminal=number,
        tid=tid,
        amount=amount_minor,
        currency=currency,
        order=order,
        nonce=random_bytes(_NONCE_BYTES),
        expires=expires,
        relay=slot.relay,
    ).sign(key=key)
    return LeftBill(tid=tid, slot=slot, order=order, data=data, expires=expires)
