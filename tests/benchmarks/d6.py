"""D6: how long coding a full list takes, against PostgreSQL handing out the same numbers.

PostgreSQL's own client takes them: a Python one would spend most of the time on its loop.
"""

import statistics
import subprocess
from time import perf_counter

import numpy as np
from django.db import connection
from psycopg.conninfo import make_conninfo

from config.stack import postgres
from issuers.wire import rice
from tests.benchmarks import contract, numbers

WHAT = "Rice-coding 10 million sorted list numbers / COPY of them out of PostgreSQL, time"
GOAL = contract.Goal(goal=1.0, required=1.0, higher_is_better=False)
# PostgreSQL's binary COPY of one bigint: the count of fields, the length, the number.
_ROW = np.dtype([("fields", ">i2"), ("bytes", ">i4"), ("number", ">i8")])
_COPY = "COPY sorted_numbers TO STDOUT (FORMAT BINARY)"
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


def run(*, rounds, short):
    """Alternate coding with a binary COPY; what the last of each gave is read and compared."""
    drawn = numbers.drawn(short=short)
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNLOGGED TABLE sorted_numbers (list_number bigint NOT NULL)")
        _fill(cursor, drawn.listed)
        cursor.execute("ANALYZE sorted_numbers")
    taken = contract.alternate(rounds=rounds, ours=lambda: _coded(drawn.listed), peer=_copied)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE sorted_numbers")
    (_, coded), (_, copied) = taken[-1]
    coding, copying = zip(*((ours, theirs) for (ours, _), (theirs, _) in taken), strict=True)
    return contract.Measured(
        ratios=[ours / theirs for ours, theirs in zip(coding, copying, strict=True)],
        rows_checked=2 * drawn.listed.size,
        conditions=drawn.conditions(),
        figures={
            "coding_s": round(statistics.median(coding), 3),
            "copy_s": round(statistics.median(copying), 3),
        },
        faults=[
            *_differing("The code", drawn, rice.numbers_of(rice.decode(coded))),
            *_differing("COPY", drawn, _numbers_in(copied)),
        ],
    )


def _fill(cursor, listed):
    rows = np.empty(listed.size, _ROW)
    rows["fields"], rows["bytes"], rows["number"] = 1, 8, listed
    with cursor.copy("COPY sorted_numbers FROM STDIN (FORMAT BINARY)") as copy:
        for part in (_HEAD, rows.tobytes(), _END):
            copy.write(part)


def _numbers_in(copied):
    rows = np.frombuffer(copied, _ROW, offset=len(_HEAD), count=len(copied) // _ROW.itemsize - 1)
    return rows["number"].astype(np.uint64)


def _differing(what, drawn, told):
    return [f"{what} is wrong about {wrong} cards."] if (wrong := drawn.wrong_in(told)) else []


def _coded(listed):
    begun = perf_counter()
    coded = rice.encode(listed)
    return perf_counter() - begun, coded


def _copied():
    reached = make_conninfo(**connection.connection.info.get_parameters())
    argv = (postgres.client("psql"), "-XqAtc", _COPY, reached)
    begun = perf_counter()
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return perf_counter() - begun, done.stdout
