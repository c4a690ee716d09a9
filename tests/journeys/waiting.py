"""Waiting for what other processes do: never for a fixed time, always with an end."""

import time
from collections.abc import Callable


def eventually[T](asked: Callable[[], T], *, within_s: float = 20, every_s: float = 0.1) -> T:
    """Ask until the answer is true, at most ``within_s`` seconds, and return it."""
    deadline = time.monotonic() + within_s
    while not (answer := asked()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(every_s)
    return answer
