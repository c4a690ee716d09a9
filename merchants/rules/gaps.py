"""Reading rows by a rising id although ids commit out of order: which ones may still come."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

# A transaction that takes longer is found by the sweep over the database.
WAIT_S: Final = 60.0
MOST: Final = 10_000


class Gaps:
    """The newest id seen, and the ids below it that were not: rolled back, or not yet committed."""

    def __init__(self, *, newest: int) -> None:
        self.newest = newest
        self._missing: dict[int, float] = {}  # when it was first missed

    @property
    def low(self) -> int:
        """The id up to which nothing is waited for any more."""
        return min(self._missing, default=self.newest + 1) - 1

    def saw(self, *, ids: Iterable[int], at: float) -> None:
        """Note ids in rising order, seen at ``at`` (s)."""
        for id_ in ids:
            if id_ <= self.newest:
                self._missing.pop(id_, None)
                continue
            for missed in range(max(self.newest + 1, id_ - MOST), id_):
                self._missing[missed] = at
            self.newest = id_

    def missing(self, *, at: float) -> list[int]:
        """Return the ids to look for again at ``at``: young enough, and the newest if many."""
        self._missing = {id_: since for id_, since in self._missing.items() if at - since < WAIT_S}
        if len(self._missing) > MOST:
            kept = islice(reversed(self._missing.items()), MOST)
            self._missing = dict(sorted(kept))
        return list(self._missing)
