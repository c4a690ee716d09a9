"""Many jobs at once, each on a connection of its own, and what kills them in the middle."""

import os
import signal
import threading
from contextlib import contextmanager
from multiprocessing import get_context

from django.db import Error, InterfaceError, OperationalError, connection, connections

from tests.hands import hands

CONNECTIONS = 16
KILLS = 12
_EVERY_S = 0.02
_TRIES = 40
_KILLED = (None, "57P01")  # the connection is gone, without a word or with one
_ONE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend'
   AND pid NOT IN (pg_backend_pid(), %s) AND state IN ('active', 'idle in transaction')
 ORDER BY random() LIMIT 1
"""


def run(jobs):
    """Run jobs, many at once, each on a connection of its own; return what each gave or raised.

    Whoever is done leaves its connection to the next: a new one costs more than most jobs do.
    """

    def one(job):
        try:
            return job()
        except Exception as raised:  # noqa: BLE001  (told, and judged by the test)
            if isinstance(raised, Error):
                connection.close()  # it may be gone
            return raised

    with hands(min(CONNECTIONS, len(jobs))) as pool:
        return list(pool.map(one, jobs))


def insisting(job):
    """Return ``job``, done again as often as its connection was killed in the middle of it."""

    def insist():
        for _ in range(_TRIES):
            try:
                return job()
            except (OperationalError, InterfaceError) as raised:
                if getattr(raised.__cause__, "sqlstate", None) not in _KILLED:
                    raise  # its own fault, not the killer's
                connection.close()
        raise AssertionError("killed every time")

    return insist


@contextmanager
def killing(*, kills=KILLS):
    """End backends in the middle of what they do, one after the other; yield those that were."""
    stop, ended, mine = threading.Event(), [], backend()

    def kill():
        with connection.cursor() as cursor:
            while len(ended) < kills and not stop.wait(_EVERY_S):
                cursor.execute(_ONE, [mine])
                ended.extend(cursor.fetchall())
        connection.close()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield ended
    finally:
        stop.set()
        killer.join()


def backend():
    """Return the process id of this connection's backend."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def end_connection():
    """End this connection, as a backend that dies does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def killed_in(job, *, until):
    """Run ``job`` as a process of its own; SIGKILL it once it has set the event ``until``."""
    connections.close_all()  # the child opens its own

    def run_apart():
        try:
            job()
        finally:
            os._exit(1)  # it came to its end, or failed: either way nobody killed it

    child = get_context("fork").Process(target=run_apart)
    child.start()
    reached = until.wait(timeout=30)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert reached, "it never came to where it was to be killed"
    assert child.exitcode == -signal.SIGKILL


def new_event():
    """Return an event that a process of its own can set."""
    return get_context("fork").Event()
