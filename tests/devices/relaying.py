"""``./paydesk relay`` as a process of its own, and a portal in miniature that pairs it."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from config.stack.program import birth
from config.wire import b64
from merchants.wire import Bill, BillClear
from tests.api.serving import TRUST
from tests.devices.tills import MERCHANT, NUMBER, RELAY, TERMINAL, TILL_KEY

ROOT = Path(__file__).parents[2]
TID = "T" + "0" * 22
SERVES = re.compile(r"serves (http://\S+)/ for")


@dataclass
class Office:
    """What the portal says: which terminals are paired, or that it knows no such relay."""

    terminals: list = field(default_factory=list)
    revoked: bool = False
    down: bool = False
    enrolled: int = 0

    def answer(self, method, path, body):
        if self.down:
            return 503, {"code": "unavailable"}
        if path.endswith("/enrolments"):
            if body["code"] != "GOODC0DE00" or self.enrolled:
                return 422, {"code": "enrolment_code_invalid", "detail": "No such code."}
            self.enrolled += 1
            return 201, {"device": RELAY, "kind": body["kind"]}
        if self.revoked:
            return 401, {"code": "signature_invalid"}
        return 200, {"terminals": self.terminals}

    def pair(self, *, number=NUMBER, key=TILL_KEY):
        self.terminals.append(
            {
                "device": TERMINAL,
                "number": number,
                "merchant": {"id": MERCHANT, "name": "Kim's Bakery"},
                "public_key": b64.encode(key.public),
            }
        )


@dataclass
class Process:
    """A relay that runs, and what it said."""

    process: subprocess.Popen
    url: str
    said: list

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        rest, _ = self.process.communicate(timeout=10)
        self.said += rest.splitlines()
        return self.process.returncode

    @property
    def address(self):
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)


def start(*words, folder):
    """Start a relay in ``folder`` and wait until it serves."""
    process = launch(*words, folder=folder)
    said = []
    for line in process.stdout:
        said.append(line.rstrip("\n"))
        if found := SERVES.search(line):
            return Process(process, found[1], said)
    raise AssertionError(f"it ended with {process.wait()}: {said}")


def launch(*words, folder):
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "merchants.devices.relay_process", *words],
        env={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=birth(parting_signal=signal.SIGTERM),  # noqa: PLW1509  it must end with us
    )


_nonce = [bytes(16)]
_HOW = {"timeout": 10, "verify": TRUST}


def renew_bills():
    """Let bills differ from those made before: the bytes of one that was cleared are void."""
    _nonce[0] = os.urandom(16)


def bill(*, order="A-12", amount=10_000, number=NUMBER, key=TILL_KEY, nonce=None, life_s=300):
    return Bill(
        merchant=MERCHANT,
        terminal=number,
        tid=TID,
        amount=amount,
        currency="KRW",
        order=order,
        nonce=nonce or _nonce[0],
        expires=int(time.time()) + life_s,
        relay=RELAY,
    ).sign(key=key)


def clearing(*, slot="1", nonce=bytes(16), key=TILL_KEY):
    return BillClear(relay=RELAY, slot=slot, nonce=nonce).sign(key=key)


def put(relay, data, *, slot="1", media_type="application/cose"):
    headers = {"content-type": media_type} if media_type else {}
    return httpx.put(f"{relay.url}/bills/{slot}", content=data, headers=headers, **_HOW)


def delete(relay, data, *, slot="1"):
    url = f"{relay.url}/bills/{slot}"
    headers = {"content-type": "application/cose"}
    return httpx.request("DELETE", url, content=data, headers=headers, **_HOW)


def get(relay, path):
    return httpx.get(f"{relay.url}{path}", **_HOW)


def problem_of(answer):
    """Return status and code of a refusal, which is a problem as RFC 9457 has it."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    told = answer.json()
    assert told["status"] == answer.status_code
    assert {"type", "title", "detail"} <= set(told)
    return answer.status_code, told["code"]
