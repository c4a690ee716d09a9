"""Looks at what is due, asked again and again: each is put together once.

Most of them find nothing, and what the ORM does to make the statement would be most of the work.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

_AT: Final = datetime(2000, 1, 1, tzinfo=UTC)  # stands for the time of each look
_FARTHEST: Final = timedelta(days=3660)  # from the look, any time that follows from it


class Look:
    """What ``rows`` finds at a time, without the ORM's work on every look.

    ``rows`` takes the time, and uses it as it is or moved by a fixed duration, in nothing but its
    parameters; it names no other time.
    """

    def __init__(self, rows: Callable[[datetime], QuerySet[Any, Any]]) -> None:
        self._rows = rows

    def at(self, at: datetime, *, limit: int | None = None) -> list[tuple[Any, ...]]:
        """Return the rows found at ``at``, as the query set names their columns.

        ``limit``: the most of them, where the query set itself has no limit and locks nothing.

        :raises ValueError: the query set names a time of its own
        """
        sql, parameters = self._made
        told = [at + (each - _AT) if isinstance(each, datetime) else each for each in parameters]
        if limit is not None:
            sql, told = f"{sql} LIMIT %s", [*told, max(limit, 0)]
        # Values go with the statement: a plan without them could use no partial index.
        with connection.cursor() as cursor:
            cursor.execute(sql, told)
            return list(cursor.fetchall())

    def finds_any(self, *, at: datetime) -> bool:
        """Return whether there is a row at ``at``."""
        return bool(self.at(at, limit=1))

    @cached_property
    def _made(self) -> tuple[str, tuple[Any, ...]]:
        sql, parameters = self._rows(_AT).query.sql_with_params()
        for each in parameters:
            if isinstance(each, datetime) and abs(each - _AT) > _FARTHEST:
                raise ValueError(f"{self._rows.__qualname__} names a time of its own: {each}")
        return sql, tuple(parameters)
