"""The sequencer: numbers what has committed, then hints to whoever listens.

Woken by NOTIFY, and four times a second in case one was missed. The hint may be lost, the numbers
may not: without Valkey it goes on numbering, without PostgreSQL it waits for it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import psycopg
from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from redis.exceptions import RedisError

from config import events, health

POLL_S: Final = 0.25
RECONNECT_S: Final = 1.0
HINT_WITHIN_S: Final = 0.5
PART: Final = "sequencer"
HINT: Final = "events.available"

logger = logging.getLogger(__name__)


def run(*, stop: threading.Event) -> None:
    """Number events until ``stop``; a second sequencer beside this one numbers nothing twice."""
    with asyncio.Runner() as runner:
        while not stop.is_set():
            try:
                _serve(runner, stop)
            except (DatabaseError, InterfaceError, psycopg.Error) as lost:
                logger.warning("the database is away: %s", type(lost).__name__)
                stop.wait(RECONNECT_S)
            finally:
                with suppress(DatabaseError, InterfaceError):
                    connection.close()


def _serve(runner: asyncio.Runner, stop: threading.Event) -> None:
    """Number, hint and wait on one database connection, until it breaks or ``stop``."""
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {events.CHANNEL}")
    beat_due = 0.0
    while not stop.is_set():
        if time.monotonic() >= beat_due:
            health.beat(part=PART, at=timezone.now())
            beat_due = time.monotonic() + health.EVERY_S
        turn = events.take_turn()
        if turn.heads:
            runner.run(hint(turn.heads))
        if not turn.more:  # what has committed meanwhile has sent its notification
            _wait()


def _wait() -> None:
    """Return at the next notification, or after a quarter of a second."""
    for _note in connection.connection.notifies(timeout=POLL_S, stop_after=1):
        pass


async def hint(heads: Mapping[str, int]) -> None:
    """Tell the group of each scope its newest number. Whoever misses it asks the database."""
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(HINT_WITHIN_S):
            for scope, seq in heads.items():
                told = {"type": HINT, "seq": seq}
                await layer.group_send(group_of(scope=scope), told)
    except (RedisError, OSError, TimeoutError) as lost:
        logger.warning("no hint was sent: %s", type(lost).__name__)


def group_of(*, scope: str) -> str:
    """Return the channel group that hears of new events in ``scope`` (a merchant's reference)."""
    return f"merchant.{scope}"
