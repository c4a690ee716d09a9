"""Threads that act at the same time, each on a connection of its own."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connections

ALL_THERE_WITHIN_S = 60


@contextmanager
def hands(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of ``count`` threads that keep their connections until the block is left.

    Then each waits for all others, or one might close nothing twice, and another its own never:
    a session that stays open keeps the test database from being dropped.
    """
    gate = threading.Barrier(count)

    def let_go(_number: int) -> None:
        gate.wait(ALL_THERE_WITHIN_S)
        connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        yield pool
        list(pool.map(let_go, range(count)))
