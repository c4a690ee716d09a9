"""D6: how long coding a full list takes, against PostgreSQL handing out the same numbers."""

from time import perf_counter

from django.db import connection

from issuers.wire import rice
from tests.benchmarks import contract, numbers

WHAT = "Rice-coding 10 million sorted list numbers / COPY of them out of PostgreSQL, time"
GOAL = contract.Goal(goal=1.0, required=1.0, higher_is_better=False)


def run(*, rounds, short):
    """Alternate coding with a binary COPY, whose rows are counted."""
    listed, cards = numbers.listed(short=short)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE sorted_numbers (list_number bigint NOT NULL)")
        with cursor.copy("COPY sorted_numbers FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8"])
            for number in listed.tolist():
                copy.write_row((number,))
        cursor.execute("ANALYZE sorted_numbers")
    taken = contract.alternate(rounds=rounds, ours=lambda: _coded(listed), peer=_copied)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE sorted_numbers")
    numbers.listed.cache_clear()
    copied = taken[0][1][1]
    return contract.Measured(
        ratios=[ours / theirs for ours, (theirs, _bytes) in taken],
        rows_checked=int(listed.size),
        conditions={"cards": cards, "listed": int(listed.size)},
        figures={"coding_s": round(taken[0][0], 3), "copy_s": round(taken[0][1][0], 3)},
        faults=[] if copied == 14 * listed.size + 21 else [f"COPY gave {copied} bytes."],
    )


def _coded(listed):
    begun = perf_counter()
    rice.encode(listed)
    return perf_counter() - begun


def _copied():
    begun, size = perf_counter(), 0
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY sorted_numbers TO STDOUT (FORMAT BINARY)") as copy,
    ):
        for block in copy:
            size += len(block)
    return perf_counter() - begun, size
