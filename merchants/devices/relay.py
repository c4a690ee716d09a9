"""A relay's memory: bills that terminals leave for any phone to read (protocol section 4.1).

Nothing of it is ever written anywhere; a relay that starts is empty. It knows merchants' devices
and amounts, never a card. Pure: time comes in as epoch seconds.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from config.wire import b64, cose, keys
from config.wire.errors import WireError
from merchants.wire import Bill, BillClear

SLOTS: Final = 16
SLOT_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,16}")
AHEAD_MAX_S: Final = 24 * 3600  # no bill is meant for longer
_SEEN_MAX: Final = 10_000  # of what was cleared or replaced, against its being played again


class RelayRefused(Exception):
    """The relay does not do what was asked; ``status`` and ``code`` go into its problem."""

    status = 422
    code = ""


class SlotUnnamed(RelayRefused):
    """The slot's name is none."""

    code = "invalid"


class BillInvalid(RelayRefused):
    """Not a bill, or not for this relay, or its signature is not the terminal's."""

    code = "bill_invalid"


class BillExpired(RelayRefused):
    """The bill's time is over."""

    code = "bill_expired"


class BillVoided(RelayRefused):
    """These very bytes were replaced or cleared before."""

    status = 409
    code = "bill_voided"


class ClearReplayed(RelayRefused):
    """The same clearing was done before, and the slot has a new bill since."""

    status = 409
    code = "clear_replayed"


class NotPaired(RelayRefused):
    """The terminal is not paired with this relay."""

    status = 403
    code = "relay_unpaired"


class SlotTaken(RelayRefused):
    """Another order, or another terminal's, lies in the slot."""

    status = 409
    code = "slot_taken"


class RelayFull(RelayRefused):
    """Every slot is in use."""

    status = 507
    code = "relay_full"


class SlotEmpty(RelayRefused):
    """Nothing lies in the slot, or what lay there has expired."""

    status = 404
    code = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTerminal:
    """A terminal whose bills this relay takes; ``public_key`` is 65 bytes."""

    device: str
    number: int
    merchant: str
    public_key: bytes

    @classmethod
    def of_portal(cls, entry: Mapping[str, Any]) -> Self:
        """Return the terminal of an entry of ``GET /relay/terminals``.

        :raises LookupError: it lacks something
        :raises WireError: its key is none
        """
        public_key = b64.decode(entry["public_key"])
        keys.load_public(public_key)
        return cls(
            device=str(entry["device"]),
            number=int(entry["number"]),
            merchant=str(entry["merchant"]["id"]),
            public_key=public_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One slot: the bill, and its bytes exactly as the terminal signed them."""

    slot: str
    bill: Bill
    data: bytes


class Relay:
    """The memory of one relay with ``slots`` slots."""

    def __init__(self, *, device: str, slots: int = SLOTS) -> None:
        self.device = device
        self._slots = slots
        self._terminals: dict[int, PairedTerminal] = {}
        self._held: dict[str, Held] = {}
        self._voided: OrderedDict[bytes, None] = OrderedDict()

    def pair(self, terminals: Iterable[PairedTerminal]) -> None:
        """Take the terminals paired now, in place of those before; bills of others go."""
        self._terminals = {terminal.number: terminal for terminal in terminals}
        for held in list(self._held.values()):
            terminal = self._terminals.get(held.bill.terminal)
            if terminal is None or keys.kid_of(terminal.public_key) != cose.parse(held.data).kid:
                del self._held[held.slot]

    def put(self, *, slot: str, data: bytes, at: float) -> int:
        """Hold a bill, in place of one of the same terminal and order; return its end, epoch s.

        The same bytes again are the same act.

        :raises RelayRefused: see its subclasses
        """
        _check_name(slot)
        bill = self._open_bill(data)
        if bill.expires > at + AHEAD_MAX_S:
            raise BillInvalid
        if at >= bill.expires:
            raise BillExpired
        if _digest(data) in self._voided:
            raise BillVoided
        self._expire(at=at)
        older = self._held.get(slot)
        if older is None and len(self._held) >= self._slots:
            raise RelayFull
        if older is not None and _whose(older.bill) != _whose(bill):
            raise SlotTaken
        if older is not None and older.data != data:
            self._void(older)
        self._held[slot] = Held(slot=slot, bill=bill, data=data)
        return bill.expires

    def _open_bill(self, data: bytes) -> Bill:
        try:
            named = Bill.peek(data)
            terminal = self._terminals.get(named.terminal)
            if terminal is None:
                raise NotPaired
            bill = Bill.open(data, public_key=terminal.public_key)
        except WireError as wrong:
            raise BillInvalid from wrong
        if (bill.relay, bill.merchant) != (self.device, terminal.merchant):
            raise BillInvalid
        return bill

    def clear(self, *, slot: str, data: bytes, at: float) -> None:
        """Empty a slot by order of the terminal whose bill it holds; an empty one stays so.

        :raises RelayRefused: see its subclasses
        """
        _check_name(slot)
        terminal = self._open_clear(slot, data)
        self._expire(at=at)
        held = self._held.get(slot)
        digest = _digest(data)
        if held is None:
            self._remember(digest)
            return
        if held.bill.terminal != terminal.number:
            raise SlotTaken
        if digest in self._voided:
            raise ClearReplayed
        self._remember(digest)
        self._void(held)

    def _open_clear(self, slot: str, data: bytes) -> PairedTerminal:
        try:
            kid = cose.parse(data).kid
            signers = (t for t in self._terminals.values() if keys.kid_of(t.public_key) == kid)
            terminal = next(signers, None)
            if terminal is None:
                BillClear.peek(data)
                raise NotPaired
            order = BillClear.open(data, public_key=terminal.public_key)
        except WireError as wrong:
            raise BillInvalid from wrong
        if (order.relay, order.slot) != (self.device, slot):
            raise BillInvalid
        return terminal

    def read(self, *, slot: str, at: float) -> bytes:
        """Return the bytes of the bill in a slot, unchanged.

        :raises SlotEmpty: nothing, or its time is over
        """
        held = self._held.get(slot)
        if held is None or at >= held.bill.expires:
            raise SlotEmpty
        return held.data

    def bills(self, *, at: float) -> list[Held]:
        """Return all that is held now, by slot."""
        self._expire(at=at)
        return [self._held[slot] for slot in sorted(self._held)]

    def _expire(self, *, at: float) -> None:
        for held in list(self._held.values()):
            if at >= held.bill.expires:
                del self._held[held.slot]

    def _void(self, held: Held) -> None:
        del self._held[held.slot]
        self._remember(_digest(held.data))

    def _remember(self, digest: bytes) -> None:
        self._voided[digest] = None
        while len(self._voided) > _SEEN_MAX:
            self._voided.popitem(last=False)


def _check_name(slot: str) -> None:
    if SLOT_NAME.fullmatch(slot) is None:
        raise SlotUnnamed


def _whose(bill: Bill) -> tuple[int, str]:
    return bill.terminal, bill.order


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
