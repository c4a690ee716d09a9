"""B2: signed approvals over HTTP, against signed GETs of one payment on the same server."""

import json
import statistics
from contextlib import ExitStack

from tests.benchmarks import asking, served
from tests.benchmarks.claims import Claims
from tests.benchmarks.contract import Goal, Measured, alternate

WHAT = "signed approvals over HTTP / signed GETs of one payment, a second, same server"
GOAL = Goal(goal=0.3, required=0.3)
CLIENTS = 16
_COUNT, _SHORT = 640, 32
_OK = b"HTTP/1.1 200 "


def run(*, rounds, short):
    """Ask by 16 connections, all requests signed beforehand; each phone keeps to one connection."""
    count = _SHORT if short else _COUNT
    claims = Claims(tills=4, payers=2 * CLIENTS)
    with ExitStack() as running:
        portal = running.enter_context(served.portal("web"))
        load = Load(portal.origin, claims, clients=CLIENTS)
        for _ in range(1 if short else 2):
            load.approve(count // 4)
            load.look(count // 4)
        measured = alternate(
            rounds=rounds, ours=lambda: load.approve(count), peer=lambda: load.look(count)
        )
    return Measured(
        ratios=[own.per_s / theirs.per_s for own, theirs in measured],
        rows_checked=load.checked,
        faults=[*load.faults, *claims.faults()],
        figures={
            "approved_per_s": round(statistics.median(own.per_s for own, _ in measured)),
            "approve_p99_ms": round(statistics.median(own.p99_ms for own, _ in measured), 1),
            "got_per_s": round(statistics.median(peer.per_s for _, peer in measured)),
            "get_p99_ms": round(statistics.median(peer.p99_ms for _, peer in measured), 1),
            "client_share_of_a_core": round(
                max(each.client_share for pair in measured for each in pair), 2
            ),
        },
        conditions={"clients": CLIENTS, "requests": count, "tills": 4, "phones": 2 * CLIENTS},
    )


class Load:
    """Approvals and looks at payments as signed requests, and what was wrong about the answers."""

    def __init__(self, origin, claims, *, clients):
        self.checked, self.faults = 0, []
        self._origin, self._claims, self._clients = origin, claims, clients
        self._phones = {payer.phone.pk: payer for payer in claims.payers}
        self._tids = [tid for _phone, tid, _consent in claims.ready(clients)]
        self._tills = {till.device.pk: till for till in claims.tills}

    def approve(self, count):
        """Approve ``count`` claimed requests, one after the other on each connection."""
        lines = [[] for _ in range(self._clients)]
        for place, (phone, tid, consent) in enumerate(self._claims.ready(count)):
            payer = self._phones[phone.pk]
            lines[place % self._clients].append(self._approval(payer, tid, consent))
        asked = asking.ask(self._origin, lines)
        self._check(asked, count, b'"state":"APPROVED"')
        self._claims.approved += count
        return asked

    def look(self, count):
        """Let the tills look at payments of theirs."""
        lines = [[] for _ in range(self._clients)]
        tills = self._claims.tills
        for place in range(count):
            line = place % self._clients
            till = tills[line % len(tills)]
            path = f"/api/v1/terminal/payments/{self._tids[line]}"
            lines[line].append(self._signed("GET", path, key=till.key, device=till.device))
        asked = asking.ask(self._origin, lines)
        self._check(asked, count, b'"amount":1000')
        return asked

    def _approval(self, payer, tid, consent):
        return self._signed(
            "POST",
            f"/api/v1/wallet/payments/{tid}/approve",
            key=payer.key,
            device=payer.phone,
            body=json.dumps(payer.body(consent)).encode(),
            headers=asking.idempotency_key(),
        )

    def _signed(self, method, path, *, key, device, **more):
        return asking.signed(
            origin=self._origin, method=method, path=path, key=key, keyid=device.reference, **more
        )

    def _check(self, asked, count, wanted):
        self.checked += len(asked.answers)
        self.faults += faults_of(asked.answers, count=count, wanted=wanted)


def faults_of(answers, *, count, wanted, status=_OK):
    """Return what is wrong: not ``count`` answers, or one without ``status`` and ``wanted``."""
    wrong = [each for each in answers if not (each.startswith(status) and wanted in each)]
    told = (
        [f"{len(wrong)} wrong answers: {wrong[0][-300:].decode(errors='replace')}"] if wrong else []
    )
    return [*told, *([] if len(answers) == count else [f"{len(answers)} answers, not {count}"])]
