"""Readers that upload all the time, and ask again with the same bytes until they are answered."""

import os
import threading
import time
from contextlib import contextmanager
from random import Random

from config.wire import b64
from config.wire.client import PortalRefused, PortalUnreachable
from merchants.wire import Batch, batch_digest
from tests.chaos.journal import Journal

RECORDS_MAX = 20
BETWEEN_BATCHES_S = 0.2
AGAIN_AFTER_S = 0.2
# A reader that breaks does so at its first upload without an answer, once it sent so many.
BREAKS_AFTER = 8
# A reader that lost power before it noted the answer sends what it sent before.
FORGETFUL = 0.15


class Uploader:
    """One reader in a thread of its own. Each batch is in its log before the first byte leaves."""

    def __init__(self, *, till, folder, seed, breaks=False):
        self.acknowledged = 0  # batches
        self._till, self._breaks = till, breaks
        self._journal = Journal(folder / f"{till.device}.jsonl")
        self._random = Random(seed)
        self._stop, self._abandon = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=till.device)

    def start(self):
        self._thread.start()

    def ask_to_stop(self):
        """Let it finish the batch it is at, and begin no other."""
        self._stop.set()

    def wait(self, *, until):
        """Return whether it has finished; if not, it is told to leave its batch unanswered.

        ``until``: by the monotonic clock.
        """
        self._thread.join(timeout=max(0.0, until - time.monotonic()))
        finished = not self._thread.is_alive()
        self._abandon.set()
        self._thread.join()
        return finished

    def _run(self):
        while self._till.may_sell(records=RECORDS_MAX) and not self._stop.is_set():
            self._stop.wait(self._random.uniform(0, BETWEEN_BATCHES_S))
            for _ in range(self._random.randint(1, RECORDS_MAX)):
                self._till.sell(amount_minor=self._random.randint(1, 900))
            if not self._deliver(self._till.batch()):
                return

    def _deliver(self, batch):
        """Send a batch until its result is known, and return whether it is."""
        signed, digest = Batch.peek(batch), b64.encode(batch_digest(batch))
        self._journal.note(
            "intent",
            sequence=signed.sequence,
            digest=digest,
            records=[
                [b64.encode(held.serial), held.atc, held.amount_minor]
                for held in self._till.store.records
            ],
        )
        key = f"batch-{digest}"
        if not self._insist("upload", signed.sequence, lambda: self._post(batch, key)):
            return False
        self.acknowledged += 1
        told = self._insist("result", signed.sequence, lambda: self._result(signed.sequence))
        if told and self._random.random() < FORGETFUL:
            key = b64.encode(os.urandom(16))
            self._insist("upload", signed.sequence, lambda: self._post(batch, key))
        if told:
            self._till.store.apply_result(told)
        return bool(told)

    def _post(self, batch, key):
        answer = self._till.session.post("/reader/batches", body=batch, idempotency_key=key)
        return answer.json()

    def _result(self, sequence):
        """Return the batch's result, or None as long as it waits to be posted."""
        told = self._till.session.get(f"/reader/batches/{sequence}").json()
        return None if told["state"] == "RECEIVED" else told

    def _insist(self, op, sequence, ask):
        """Ask until there is an answer, each time noted; None when it is left without one."""
        while not self._abandon.is_set():
            with self._noted(op, sequence) as note:
                answer = ask()
                note["result"] = "answered" if answer else "waits"
                if op == "result" and answer:
                    note["state"] = answer["state"]
                    note["records"] = [each["state"] for each in answer["results"]]
            if note["result"] == "answered":
                return answer
            if op == "upload" and self._breaks and self.acknowledged >= BREAKS_AFTER:
                return None
            self._abandon.wait(AGAIN_AFTER_S)
        return None

    @contextmanager
    def _noted(self, op, sequence):
        start, note = time.time(), {}
        try:
            yield note
        except PortalUnreachable as lost:
            note["result"], note["why"] = "unreachable", str(lost)
        except PortalRefused as refused:
            note["result"] = f"refused {refused.code}"
        self._journal.note(op, sequence=sequence, start=start, **note)
