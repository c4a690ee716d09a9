"""A terminal's T-IDs, none of them ever twice, whatever is lost (protocol section 2).

The counter lies on the disk in two places. A small file holds the next one and is written before
each use. The terminal's own state, beside number and secret, holds a ceiling that no counter has
reached; it is raised first. With the file lost, counting goes on from the ceiling: ahead, never
back. With both lost the number is lost too, and the terminal enrols under another.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from config.wire import durable
from merchants.wire import tid

RESERVED: Final = 4096  # counters below a new ceiling: what one lost file skips at most
_RANDOM_BYTES: Final = 4


class CounterExhausted(Exception):
    """All 2^25 counters of this terminal number are used; it has to enrol anew."""


class TidMaker:
    """Makes the T-IDs of one terminal number.

    ``counter`` is the next one as its file tells it, None where the file is lost; ``save`` and
    ``save_ceiling`` return once their number is on the disk.
    """

    def __init__(
        self,
        *,
        number: int,
        secret: bytes,
        random_bytes: Callable[[int], bytes],
        save: Callable[[int], None],
        save_ceiling: Callable[[int], None],
        counter: int | None = None,
        ceiling: int = 0,
    ) -> None:
        self.number = number
        self.ceiling = ceiling
        self._secret = secret
        self._random_bytes = random_bytes
        self._save = save
        self._save_ceiling = save_ceiling
        self._next = ceiling if counter is None else counter

    def new(self, *, amount_minor: int, currency: str, order: str) -> str:
        """Return a T-ID for ``amount_minor`` minor units; its counter is on the disk by then.

        :raises CounterExhausted: the number's counters are used up
        :raises OSError: the disk did not take the counter; no T-ID was made
        """
        drawn = int.from_bytes(self._random_bytes(_RANDOM_BYTES))
        return tid.tid(
            number=self.number,
            counter=self._take_counter(),
            random=drawn % tid.RANDOM_LIMIT,
            amount=amount_minor,
            currency=currency,
            order=order,
            secret=self._secret,
        )

    def skip(self) -> None:
        """Go on from the ceiling: the portal knows a T-ID this file did not."""
        self._save(self.ceiling)
        self._next = self.ceiling

    def _take_counter(self) -> int:
        taken = self._next
        if taken >= tid.COUNTER_LIMIT:
            raise CounterExhausted(f"Terminal {self.number} has used all its counters.")
        if taken >= self.ceiling:
            raised = taken + RESERVED
            self._save_ceiling(raised)
            self.ceiling = raised
        self._save(taken + 1)
        self._next = taken + 1
        return taken


def save_counter(*, path: Path, counter: int) -> None:
    """Write the next counter to its file, and return once it is on the disk.

    :raises OSError: the disk did not take it
    """
    durable.write(path=path, state={"next": counter})


def read_counter(*, path: Path) -> int | None:
    """Return the next counter as its file tells it; None where the file is lost or spoilt."""
    try:
        state = durable.read(path=path)
    except (ValueError, OSError):
        return None
    counter = state.get("next") if state else None
    return counter if type(counter) is int and counter >= 0 else None
