"""B1: approving by T-ID, without HTTP, against pgbench's TPC-B at as many clients."""

import multiprocessing
import re
import statistics
import subprocess
from pathlib import Path

from django.db import connection, connections

from config.stack import postgres
from tests.benchmarks.claims import Claims
from tests.benchmarks.contract import Goal, Measured, alternate

WHAT = "approvals by T-ID / pgbench TPC-B transactions, a second, as many clients"
GOAL = Goal(goal=0.25)
CLIENTS = 2
_COUNT, _SHORT = 400, 10
_TPS = re.compile(r"tps = ([0-9.]+)")


def run(*, rounds, short):
    """Approve in as many processes as pgbench has clients, alternated with it."""
    count, seconds = (_SHORT, 1) if short else (_COUNT, 4)
    claims = [Claims(tills=4, payers=10) for _ in range(CLIENTS)]
    claims[0].approve(claims[0].ready(10))
    pgbench = Pgbench(scale=1 if short else 20, seconds=seconds)
    measured = alternate(rounds=rounds, ours=lambda: in_processes(claims, count), peer=pgbench.tps)
    for each in claims:
        each.approved += rounds * count
    total = sum(each.approved for each in claims)
    claims[0].approved = total
    return Measured(
        ratios=[mine / theirs for mine, theirs in measured],
        rows_checked=total,
        faults=claims[0].faults(),
        figures={
            "approved_per_s": round(statistics.median(mine for mine, _ in measured)),
            "pgbench_tps": round(statistics.median(theirs for _, theirs in measured)),
        },
        conditions={"clients": CLIENTS, "approvals": count, "pgbench_scale": pgbench.scale},
    )


def in_processes(claims, count):
    """Approve ``count`` a client, each a process with its own connection; return all a second."""
    ready = [each.ready(count) for each in claims]
    connections.close_all()
    context = multiprocessing.get_context("fork")
    barrier, rates = context.Barrier(len(claims)), context.SimpleQueue()

    def client(own, work):
        connection.ensure_connection()
        barrier.wait()
        rates.put(own.approve(work))

    running = [
        context.Process(target=client, args=each) for each in zip(claims, ready, strict=True)
    ]
    for process in running:
        process.start()
    told = [rates.get() for _ in running]
    for process in running:
        process.join()
    return sum(told)


class Pgbench:
    """PostgreSQL's own benchmark, in tables beside ours on the same server."""

    def __init__(self, *, scale, seconds):
        self.scale, self._seconds = scale, seconds
        self._run("-i", "-q", "-s", str(scale))

    def tps(self):
        """Return its transactions a second: TPC-B, prepared statements."""
        words = ("-c", str(CLIENTS), "-j", str(CLIENTS), "-T", str(self._seconds))
        told = self._run("-n", "-M", "prepared", *words)
        return float(_TPS.findall(told)[-1])

    def _run(self, *words):
        connection.ensure_connection()
        info = connection.connection.info
        program = Path(postgres.server_folder()) / "bin" / "pgbench"
        answer = subprocess.run(
            [str(program), *_server(info), *words, info.dbname],
            capture_output=True,
            text=True,
            check=True,
        )
        return answer.stdout


def _server(info):
    return ("-h", info.host, "-p", str(info.port), "-U", info.user)
