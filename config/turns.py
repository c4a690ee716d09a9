"""What processes that send from rows share: turns on the database, an event loop beside them.

One thread asks the database, another one talks to other machines; what they hand over is theirs.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

import httpx
import psycopg
from django.db import DatabaseError, InterfaceError, connection

from config import health

RECONNECT_S: Final = 1.0

logger = logging.getLogger(__name__)


def take(
    *,
    part: str,
    stop: threading.Event,
    clock: Callable[[], datetime],
    turn: Callable[[], None],
) -> None:
    """Take turns until ``stop``, beating for ``part``; without its database it waits for it."""
    beat_due = 0.0
    while not stop.is_set():
        try:
            if time.monotonic() >= beat_due:
                health.beat(part=part, at=clock())
                beat_due = time.monotonic() + health.EVERY_S
            turn()
        except (DatabaseError, InterfaceError, psycopg.Error) as lost:
            logger.warning("the database is away: %s", type(lost).__name__)
            with suppress(DatabaseError, InterfaceError):
                connection.close()
            stop.wait(RECONNECT_S)


@contextmanager
def event_loop(*, client: httpx.AsyncClient) -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread of its own while the block runs, then close ``client``.

    What is under way at the end is broken off: its row is due again when its lease is over.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="senders")
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_close(client), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(client: httpx.AsyncClient) -> None:
    ours = asyncio.current_task()
    under_way = [task for task in asyncio.all_tasks() if task is not ours]
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    await client.aclose()
