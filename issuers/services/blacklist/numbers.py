"""List numbers out of the database as arrays: ten million of them in a second, not in a minute."""

from typing import Final

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from issuers.models import ListedNumber
from issuers.wire.rice import Numbers

_PART: Final = 2**20  # rows read by one statement: 8 MiB


def ascending(rows: QuerySet[ListedNumber]) -> Numbers:
    """
    Return the list numbers of ``rows``, each once and ascending.

    One statement per 1,048,576 of them, so the caller's transaction decides whether they are of
    one moment; a list that changes meanwhile needs its rows bound to a version.
    """
    parts: list[Numbers] = []
    after = -1
    while (part := _part(rows, after)).size:
        parts.append(part)
        after = int(part[-1])
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def _part(rows: QuerySet[ListedNumber], after: int) -> Numbers:
    # The server joins them to one value: a row each would cost more than all the rest.
    part = rows.filter(list_number__gt=after).order_by("list_number").distinct()
    statement, parameters = part.values("list_number")[:_PART].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_JOINED.format(statement), parameters)
        (joined,) = cursor.fetchone()
    return np.frombuffer(joined or b"", ">u8").astype(np.uint64)


_JOINED: Final = """
SELECT string_agg(int8send(numbers.list_number), ''::bytea ORDER BY numbers.list_number)
  FROM ({}) AS numbers
"""
