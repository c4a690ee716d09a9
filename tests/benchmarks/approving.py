"""Approvals a second and their p99 against clients, over many shops and all at one.

A client is a process with a connection of its own that calls the domain, without HTTP. Each round
approves at both kinds of shops in turn, so that a busy machine slows both.
"""

import multiprocessing
import statistics
from time import perf_counter
from typing import NamedTuple

from django.db import connection, connections
from django.utils import timezone

from settlement.services import payments
from tests.benchmarks.claims import Claims
from tests.benchmarks.contract import alternate

CLIENTS, CLIENTS_SHORT = (1, 2, 4, 8, 16, 32, 64), (1, 4)
APPROVALS, APPROVALS_SHORT = 512, 16  # a round
SHOPS = 16
_RANGE = ("from", "to", "p99, ms")
_HEADS = ("clients", "many shops, a second", *_RANGE, "one shop, a second", *_RANGE, "one / many")
_FORK = multiprocessing.get_context("fork")


class Rate(NamedTuple):
    """How many a second all clients approved together, and how long the slowest waited."""

    per_s: float
    p99_ms: float


def curve(*, rounds, short):
    """Return Markdown, and what was wrong with the approvals."""
    numbers = CLIENTS_SHORT if short else CLIENTS
    count = APPROVALS_SHORT if short else APPROVALS
    many, one = (Claims(tills=shops, payers=max(numbers)) for shops in (SHOPS, 1))
    lines = [f"| {' | '.join(_HEADS)} |", "|" + "---:|" * len(_HEADS)]
    for clients in numbers:
        pairs = alternate(
            rounds=rounds,
            ours=lambda clients=clients: _rate(many, clients, count),
            peer=lambda clients=clients: _rate(one, clients, count),
        )
        share = statistics.median(own.per_s / other.per_s for other, own in pairs)
        cells = [*_cells([pair[0] for pair in pairs]), *_cells([pair[1] for pair in pairs])]
        lines.append(f"| {clients} | " + " | ".join([*cells, f"{share:.2f}"]) + " |")
    told = f"({count} approvals a round, {max(numbers)} phones, many: {SHOPS} shops)"
    return "\n".join(lines) + f"\n\n{told}\n", faults_of(many, one)


def _rate(claims, clients, count):
    """Approve ``count`` by so many processes at once; a phone is one process's in a round."""
    ready = claims.ready(count)
    lines = [ready[place::clients] for place in range(clients)]
    connections.close_all()  # each process opens its own
    barrier, told = _FORK.Barrier(clients), _FORK.SimpleQueue()
    running = [_FORK.Process(target=_client, args=(own, barrier, told)) for own in lines]
    for process in running:
        process.start()
    reports = [told.get() for _ in running]
    for process in running:
        process.join()
    claims.approved += count
    began, ended = min(at for at, _, _ in reports), max(at for _, at, _ in reports)
    delays_s = [delay for _, _, own in reports for delay in own]
    p99_s = statistics.quantiles(delays_s, n=100, method="inclusive")[98]
    return Rate(count / (ended - began), 1000 * p99_s)


def _client(work, barrier, told):
    connection.ensure_connection()
    barrier.wait()
    began, delays_s = perf_counter(), []
    for phone, tid, consent in work:
        asked = perf_counter()
        payments.approve(device=phone, tid=tid, consent=consent, at=timezone.now())
        delays_s.append(perf_counter() - asked)
    told.put((began, perf_counter(), delays_s))
    connection.close()


def _cells(rates):
    per_s = [rate.per_s for rate in rates]
    p99 = statistics.median(rate.p99_ms for rate in rates)
    return [
        f"{statistics.median(per_s):,.0f}",
        f"{min(per_s):,.0f}",
        f"{max(per_s):,.0f}",
        f"{p99:,.1f}",
    ]


def faults_of(many, one):
    """Return what is wrong: each sees all payments of the database, so what both approved."""
    many.approved = one.approved = many.approved + one.approved
    return [*many.faults(), *one.faults()]
