"""Events read from an event loop: a socket waits for no thread, and for nobody else's queries.

Django's connections belong to threads, and all sockets of a process share one thread for them. What
follows a cursor is read over one more connection, which belongs to the loop and is opened again
after the database has been away.
"""

import asyncio
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from config.models import Event

_FIELDS: Final = ("id", "scope", "seq", "type", "subject", "at", "body")
_AFTER: Final = """
SELECT id, scope, seq, type, subject, at, body FROM config_event
 WHERE scope = %s AND seq > %s ORDER BY seq LIMIT %s
"""
NAME: Final = "paydesk follows events"  # as the database tells who is connected
# What Django adds for its own connections.
_OWN: Final = frozenset({"context", "cursor_factory"})


class _Line:
    """The connection of one event loop; one reading at a time."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._opened: AsyncConnection[TupleRow] | None = None

    async def rows(self, *parameters: Any) -> list[TupleRow]:
        if self._opened is None:
            self._opened = await _connected()
        cursor = await self._opened.execute(_AFTER, parameters)
        return await cursor.fetchall()

    async def close(self) -> None:
        lost, self._opened = self._opened, None
        if lost is not None:
            await lost.close()


_LINES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()


async def after(*, scope: str, seq: int, limit: int) -> list[Event]:
    """Return the events of ``scope`` numbered above ``seq``, oldest first, at most ``limit``.

    :raises psycopg.Error: the database is away
    """
    line = _line()
    async with line.turn:
        try:
            found = await line.rows(scope, seq, limit)
        except psycopg.OperationalError:  # lost since it was used last: a new one tells
            await line.close()
            found = await line.rows(scope, seq, limit)
    return [Event.from_db("default", _FIELDS, row) for row in found]


async def stop() -> None:
    """Close what this loop reads over."""
    await _line().close()


def _line() -> _Line:
    return _LINES.setdefault(asyncio.get_running_loop(), _Line())


async def _connected() -> AsyncConnection[TupleRow]:
    told = connection.get_connection_params()
    named = {name: value for name, value in told.items() if name not in _OWN}
    opened = await AsyncConnection.connect(**named | {"application_name": NAME}, autocommit=True)
    await opened.execute("SET TIME ZONE 'UTC'")  # as on Django's own: times are told in it
    return opened
