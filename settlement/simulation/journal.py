"""A process's own log: JSON lines with start, end, op and result (``docs/simulator.md``)."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_BYTES_MAX: Final = 10_000_000

type Entry = dict[str, Any]


class Journal:
    """One file, one line per act, written out before the act is answered.

    A long one is set aside as ``<name>.1``, so that a demo left running fills no disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def note(self, op: str, *, result: str, start: float | None = None, **facts: object) -> None:
        """Add a line about ``op``, which began at ``start`` (epoch seconds) and has just ended."""
        end = time.time()
        entry = {"start": end if start is None else start, "end": end, "op": op, "result": result}
        line = json.dumps(entry | facts, separators=(",", ":"))
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
            if self._file.tell() > _BYTES_MAX:
                self._turn()

    def _turn(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._file = self._path.open("a", encoding="utf-8")


def read(path: Path) -> Iterator[Entry]:
    """Return the lines of a journal, oldest first, up to one that was never finished."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            yield json.loads(line)
