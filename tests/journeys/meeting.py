"""Acts that meet: each on a thread of its own, all let go at the same moment."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


def at_once[T, R](act: Callable[[T], R], of: Sequence[T], *, apart_s: float = 0.0) -> list[R]:
    """Do ``act`` to each of ``of`` at once, each ``apart_s`` after the one before; in order."""
    gate = threading.Barrier(len(of))

    def run(number: int) -> R:
        gate.wait(timeout=30)
        time.sleep(number * apart_s)
        return act(of[number])

    with ThreadPoolExecutor(max_workers=len(of)) as pool:
        return list(pool.map(run, range(len(of))))
