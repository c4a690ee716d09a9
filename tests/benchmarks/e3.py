"""E3: a quote of five benefits by a number at a till, against a signed GET on the same server.

Both are asked by as many connections, one request outstanding on each; the GET is a terminal's look
at a payment. Making the plan is the phone's and is not in it.
"""

import statistics

from tests.benchmarks import asking, b2, served
from tests.benchmarks.claims import Claims
from tests.benchmarks.combinations import percentile
from tests.benchmarks.contract import Goal, Measured, alternate
from tests.benchmarks.quotes import REMAINDER, Quotes

WHAT = "p95 of a quote over HTTP, five benefits / p95 of a signed GET of one payment, same server"
GOAL = Goal(goal=2, required=3, higher_is_better=False)
CLIENTS = 4
_COUNT, _SHORT = 200, 24
_CREATED = b"HTTP/1.1 201 "
_WANTED = b'"remainder":%d' % REMAINDER


def run(*, rounds, short):
    """Alternate both; every quote must be the one that was reckoned by hand."""
    count = _SHORT if short else _COUNT
    quotes, claims = (
        Quotes(tills=CLIENTS, phones=count),  # a phone has one number at a time
        Claims(tills=CLIENTS, payers=CLIENTS),
    )
    with served.portal("web") as portal:
        load = Load(portal.origin, quotes, b2.Load(portal.origin, claims, clients=CLIENTS))
        load.quote(count // 4)
        load.look(count // 4)
        measured = alternate(
            rounds=rounds, ours=lambda: load.quote(count), peer=lambda: load.look(count)
        )
    return Measured(
        ratios=[_at(95, own) / _at(95, theirs) for own, theirs in measured],
        rows_checked=load.checked,
        faults=[*load.faults, *quotes.faults()],
        figures={
            f"{what}_p{part}_ms": _median(part, [pair[side] for pair in measured])
            for side, what in enumerate(("quote", "get"))
            for part in (50, 95)
        },
        conditions={"clients": CLIENTS, "requests": count, "phones": count, "benefits": 5},
    )


def _at(part, asked):
    return 1000 * percentile(asked.delays_s, part)


def _median(part, rounds):
    return round(statistics.median(_at(part, asked) for asked in rounds), 1)


class Load:
    """Quotes and looks as signed requests, and what was wrong about the answers."""

    def __init__(self, origin, quotes, looks):
        self._origin, self._quotes, self._looks = origin, quotes, looks
        self._checked, self._faults = 0, []

    @property
    def checked(self):
        return self._checked + self._looks.checked

    @property
    def faults(self):
        return [*self._faults, *self._looks.faults]

    def quote(self, count):
        """Ask for ``count`` quotes, signed beforehand."""
        requests = self._quotes.requests(self._origin, count=count, lines=CLIENTS)
        asked = asking.ask(self._origin, requests)
        self._checked += len(asked.answers)
        self._faults += b2.faults_of(asked.answers, count=count, wanted=_WANTED, status=_CREATED)
        return asked

    def look(self, count):
        return self._looks.look(count)
