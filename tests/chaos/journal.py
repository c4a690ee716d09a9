"""A client's own log: JSON lines with start, end, op and result, on the disk before it goes on.

What a reader is about to send is noted first, so that after any fault its log knows more than the
portal, never less.
"""

import json
import os
import threading
import time


class Journal:
    """One file of one client; the lines of several threads do not mix."""

    def __init__(self, path):
        self._file = path.open("ab")
        self._lock = threading.Lock()

    def note(self, op, *, result="", start=None, **facts):
        """Add a line about ``op``, begun at ``start`` (epoch seconds, else now), and sync it."""
        end = time.time()
        entry = {"start": end if start is None else start, "end": end, "op": op, "result": result}
        line = json.dumps(entry | facts, separators=(",", ":")) + "\n"
        with self._lock:
            self._file.write(line.encode())
            self._file.flush()
            os.fsync(self._file.fileno())


def read(path):
    """Return the lines of a log, oldest first, up to one that was never finished."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
