"""What B4 listens with: the sequencer as a process that notes what it publishes, and two clients.

Both clients are blocking Python in processes of their own. Times are of ``time.perf_counter``,
which on Linux is the machine's monotonic clock for every process.
"""

import json
import multiprocessing
import signal
import threading
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import NamedTuple

import redis
import websocket
from django.conf import settings
from django.db import connections

from config import sequencer

WITHIN_S = 20.0
CHANNEL = "bench-bare"
_FORK = multiprocessing.get_context("fork")


class Frame(NamedTuple):
    """A frame as it came: its number, the T-ID it tells of, how long it is, and when."""

    seq: int
    tid: str
    size: int
    at: float


@contextmanager
def sequencing():
    """Number events in a process of its own; fill the list given with (heads, when published)."""
    published = []
    with _child(_sequence) as pipe:
        yield published
        pipe.send("end")
        published += pipe.recv()


@contextmanager
def listening(address, token):
    """Watch a shop's payments; gives the pipe of a client that has the socket open."""
    with _child(_listen, address, token) as pipe:
        yield pipe


@contextmanager
def subscribing(count):
    """Subscribe to the bare channel; gives the pipe of a client that tells when each came."""
    with _child(_subscribe, count) as pipe:
        assert pipe.recv() == "ready"
        yield pipe


def publisher(size):
    """Return a function that publishes a message of ``size`` bytes and says when."""
    server = redis.Redis.from_url(settings.REDIS_URL)
    message = b"x" * size

    def publish():
        at = perf_counter()
        server.publish(CHANNEL, message)
        return at

    publish()
    return publish


def at_pace(work, *, per_s):
    """Yield each of ``work`` at an even pace."""
    begun = perf_counter()
    for place, each in enumerate(work):
        sleep(max(0.0, begun + place / per_s - perf_counter()))
        yield each


@contextmanager
def _child(target, *arguments):
    connections.close_all()  # each process opens its own
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.terminate()
        process.join(10)


def _sequence(pipe):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    published, stop, hint = [], threading.Event(), sequencer.hint

    async def noted(heads):
        published.append((dict(heads), perf_counter()))
        await hint(heads)

    sequencer.hint = noted
    running = threading.Thread(target=sequencer.run, kwargs={"stop": stop})
    running.start()
    pipe.recv()
    stop.set()
    running.join()
    pipe.send(published)


def _listen(pipe, address, token):
    """Say when the first frame came; then take the T-IDs to wait for, and tell of their frames."""
    line = websocket.create_connection(
        address,
        header=[f"Authorization: Bearer {token}"],
        suppress_origin=True,
        timeout=WITHIN_S,
    )
    _frame(line)
    pipe.send("heard")
    wanted, frames = set(pipe.recv()), []
    pipe.send("ready")
    while wanted:
        try:
            frame = _frame(line)
        except websocket.WebSocketTimeoutException:
            break
        frames.append(frame)
        wanted.discard(frame.tid)
    line.close()
    pipe.send(frames)


def _frame(line):
    """Return the next frame of an approval; others go by."""
    while True:
        text, at = line.recv(), perf_counter()
        told = json.loads(text)
        if told["type"] == "payment.approved":
            return Frame(told["seq"], told["payment"]["tid"], len(text), at)


def _subscribe(pipe, count):
    line = redis.Redis.from_url(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True)
    line.subscribe(CHANNEL)
    line.get_message(timeout=WITHIN_S)  # the confirmation
    pipe.send("ready")
    came = []
    while len(came) < count and (message := _message(line)):
        came.append(message)
    pipe.send(came)


def _message(line):
    found = line.get_message(timeout=WITHIN_S)
    return found and perf_counter()
