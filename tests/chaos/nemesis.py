"""Who kills: a plan that follows from its seed, and a clock for how long each recovery takes."""

import threading
import time
from collections import Counter, defaultdict
from random import Random

import psycopg

from tests.chaos import targets

BACK_WITHIN_S = 30
CLAIM_WITHIN_S = 3.0  # how long to wait for a worker that has just taken batches on
PAUSES_S = (0.1, 0.8)
HELD_STILL_S = {"postgres": 6, "valkey": 11}
DISTURBED_EVERY = 6  # kills

KINDS = {
    "web": ("process", "process", "server"),
    "worker": ("child", "child", "whole"),
    "valkey": ("server",),
    "postgres": ("server", "server", "backend"),
}
# What is no kill of ours: (target, kind), in turn.
DISTURBANCES = (
    ("valkey", "flush"),
    ("postgres", "still"),
    ("postgres", "end backend"),
    ("valkey", "still"),
    ("valkey", "flush"),
)


def plan(*, kills, seed, chosen):
    """Return the strikes in order: each target about equally often, disturbances between them."""
    random = Random(seed)
    order = [chosen[number % len(chosen)] for number in range(kills)]
    random.shuffle(order)
    disturbances = [each for each in DISTURBANCES if each[0] in chosen]
    strikes = []
    for number, target in enumerate(order, start=1):
        strikes.append((target, random.choice(KINDS[target])))
        if disturbances and number % DISTURBED_EVERY == 0:
            strikes.append(disturbances[number // DISTURBED_EVERY % len(disturbances) - 1])
    return strikes


class NotBack(Exception):
    """A part that was killed does not serve again: the portal does not come back by itself."""


class Nemesis:
    """Carries the plan out, on a portal under load."""

    def __init__(self, *, stack, journal, uploaders, seed):
        self.kills, self.disturbances = Counter(), Counter()
        self.recovered_s, self.resumed_s = defaultdict(list), defaultdict(list)
        self.struck_at = time.monotonic()  # when the last fault was
        self._stack, self._journal, self._uploaders = stack, journal, uploaders
        self._random = Random(f"nemesis {seed}")
        self._watches = {}
        self._lost = []

    def run(self, strikes):
        """Strike as planned, and return when every target serves again.

        :raises NotBack: one does not
        """
        for target, kind in strikes:
            self._await(target)
            strike = self._special.get((target, kind))
            if strike is None:
                self._kill(target, kind)
            else:
                strike(self, target, kind)
            self._rest()
        self._calm()

    def _kill(self, target, kind):
        victims = self._victims(target, kind)
        if not victims:
            return
        began = time.time()
        targets.kill(self._random.choice(victims))
        self._killed(target, kind, start=began)
        self._watch(f"{target} {kind}", target)

    def _killed(self, target, kind, *, start, **facts):
        self.kills[f"{target} {kind}"] += 1
        self.struck_at = time.monotonic()
        self._journal.note("kill", target=target, kind=kind, start=start, **facts)

    def _victims(self, target, kind):
        if kind == "backend":
            try:
                return self._stack.backends()
            except psycopg.OperationalError:
                return []
        at = self._stack.children if kind in {"process", "child"} else self._stack.main
        return at(target)

    def _kill_worker(self, target, kind):
        """Kill a worker just after it took batches on, and let nothing else disturb its return."""
        self._calm()
        # One that lost the broker just before may be on its way up again, without children.
        self._until(lambda: self._stack.serves(target), f"{target} is there to be killed")
        victim = self._random.choice(self._victims(target, kind))
        with self._stack.database() as connection:
            waiting = self._claimed(connection)
            began = time.time()
            targets.kill(victim)
        self._killed(target, kind, start=began, waiting=len(waiting))
        self._watch(f"{target} {kind}", target)
        self._time_resumption(f"{target} {kind}", waiting, began)
        self._calm()

    def _flush(self, _target, kind):
        self._stack.flush()
        self._disturbed("valkey", kind)

    def _end_backend(self, _target, kind):
        for pid in self._random.sample(backends := self._stack.backends(), min(2, len(backends))):
            self._stack.end_backend(pid)
        self._disturbed("postgres", kind)

    def _hold_still(self, target, kind):
        self._calm()
        with self._stack.stopped(target):
            time.sleep(HELD_STILL_S[target])
        self._disturbed(target, kind)
        began = time.time()
        self._until(lambda: self._posted_since(began), f"a new batch posted after {target} {kind}")
        self.resumed_s[f"{target} {kind}"].append(time.time() - began)
        self._time_resumption(f"{target} {kind}", self._waiting(), began)

    _special = {
        ("worker", "child"): _kill_worker,
        ("worker", "whole"): _kill_worker,
        ("valkey", "flush"): _flush,
        ("postgres", "end backend"): _end_backend,
        ("postgres", "still"): _hold_still,
        ("valkey", "still"): _hold_still,
    }

    def _disturbed(self, target, kind):
        self.disturbances[f"{target} {kind}"] += 1
        self.struck_at = time.monotonic()
        self._journal.note("disturb", target=target, kind=kind)

    def _rest(self):
        """Wait a little; half of the time until some reader got an answer."""
        seen, patient = self._acknowledged(), self._random.random() < 0.5
        time.sleep(self._random.uniform(*PAUSES_S))
        if patient:
            self._until(lambda: self._acknowledged() > seen, "an upload is acknowledged")

    def _acknowledged(self):
        return sum(uploader.acknowledged for uploader in self._uploaders)

    def _watch(self, name, target):
        began = time.monotonic()

        def watch():
            try:
                self._until(lambda: self._stack.serves(target), f"{target} serves again")
            except NotBack as lost:
                self._lost.append(lost)
            self.recovered_s[name].append(time.monotonic() - began)

        thread = self._watches[target] = threading.Thread(target=watch)
        thread.start()

    def _await(self, target):
        if target in self._watches:
            self._watches.pop(target).join()
        if self._lost:
            raise self._lost[0]

    def _calm(self):
        for target in list(self._watches):
            self._await(target)

    def _until(self, is_so, what):
        deadline = time.monotonic() + BACK_WITHIN_S
        while not self._is_now(is_so):
            if time.monotonic() > deadline:
                raise NotBack(f"not within {BACK_WITHIN_S} s: {what}")
            time.sleep(0.05)

    def _is_now(self, is_so):
        try:
            return is_so()
        except psycopg.OperationalError:  # a busy machine may take its time to let us in
            return False

    def _claimed(self, connection):
        """Return what waits to be posted, once a worker has some in hand or three seconds on."""
        deadline = time.monotonic() + CLAIM_WITHIN_S
        while True:
            rows = connection.execute(_WAITING).fetchall()
            if any(in_hand for _pk, in_hand in rows) or time.monotonic() > deadline:
                return {pk for pk, _in_hand in rows}
            time.sleep(0.001)

    def _waiting(self):
        with self._stack.database() as connection:
            return {pk for pk, _in_hand in connection.execute(_WAITING).fetchall()}

    def _posted_since(self, began):
        """Return whether a batch is posted that came after ``began`` (epoch seconds)."""
        with self._stack.database() as connection:
            return connection.execute(_POSTED_SINCE, [began]).fetchone() is not None

    def _time_resumption(self, name, waiting, began):
        """Note how long after ``began`` (epoch seconds) all that waited then was posted."""
        if waiting:
            self._until(lambda: not waiting & self._waiting(), f"batches posted after {name}")
            self.resumed_s[name].append(time.time() - began)


_WAITING = """
SELECT id, attempts = 1 AND leased_until > now() FROM settlement_batch WHERE state = 'RECEIVED'
"""

_POSTED_SINCE = """
SELECT 1 FROM settlement_batch
WHERE state = 'POSTED' AND received_at > to_timestamp(%s) LIMIT 1
"""
