"""Worker processes of the benchmark: forked once, with all that this one knows by then."""

import multiprocessing
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from django.db import connection

from config.wire import cose, keys
from settlement.services import batches
from settlement.tasks import BATCHES_AT_ONCE
from tests.benchmarks import people

_ES256 = ec.ECDSA(hashes.SHA256())


class Crew:
    """Some workers; a task is for all of them, and takes as long as the last one takes."""

    def __init__(self, pipes):
        self._pipes = pipes

    def post(self):
        """Let them post whatever waits, and return the seconds it took."""
        return self._all(("post", None))

    def verify(self, books, count):
        """Let them verify ``count`` sales, shared out, and return the seconds it took."""
        parts = [_apart(books, count // len(self._pipes)) for _ in self._pipes]
        for pipe, part in zip(self._pipes, parts, strict=True):
            pipe.send(("hold", part))
            pipe.recv()
        return self._all(("verify", None))

    def _all(self, task):
        begun = perf_counter()
        for pipe in self._pipes:
            pipe.send(task)
        for pipe in self._pipes:
            pipe.recv()  # a worker that died closes its end, and this raises
        return perf_counter() - begun


def _apart(books, count):
    """Return signed sales taken apart: public key, signature in DER, the bytes it is over."""
    till = books.tills[0]
    held = [books.cards[place % len(books.cards)] for place in range(count)]
    return [_parts(card.key, card.sign(till, 1000)) for card in held]


def _parts(key, record):
    sign1 = cose.parse(record)
    r, s = (int.from_bytes(sign1.signature[place : place + 32]) for place in (0, 32))
    return key.public, encode_dss_signature(r, s), cose._to_be_signed(sign1.kid, sign1.payload)


@contextmanager
def crew(count):
    """Fork ``count`` workers and end them afterwards."""
    connection.close()  # each process opens its own
    forking = multiprocessing.get_context("fork")
    pairs = [forking.Pipe() for _ in range(count)]
    workers = [forking.Process(target=_work, args=(theirs,), daemon=True) for _, theirs in pairs]
    for worker in workers:
        worker.start()
    try:
        yield Crew([ours for ours, _ in pairs])
    finally:
        for ours, _ in pairs:
            ours.send(("end", None))
        for worker in workers:
            worker.join()


def _work(pipe):
    held = []
    while (task := pipe.recv())[0] != "end":
        match task:
            case ("hold", parts):
                held = [(keys.load_public(public), *rest) for public, *rest in parts]
            case ("verify", _):
                for public, signature, data in held:
                    public.verify(signature, data, _ES256)
            case ("post", _):
                batches.post_all_waiting(
                    limit=BATCHES_AT_ONCE,
                    clock=lambda: people.START,
                    until=people.START + timedelta(seconds=1),
                )
        pipe.send("done")
    connection.close()
