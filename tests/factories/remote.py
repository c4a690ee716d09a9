"""An issuer's own system as a real process, cards that it decides on, and the loop that asks it."""

import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from datetime import timedelta

from config.audit import SYSTEM
from issuers.models import RefundAdvice, RemoteAuthorisation
from issuers.services import authorisers
from settlement.models import Payment
from settlement.services import asking
from settlement.services.payments.consents import Approval
from tests.factories import requests as made
from tests.journeys.portal import CHECKOUT

TOKEN = "token-of-the-issuers-own-system"
WELL = {
    "delay_ms": 0,
    "failure": "none",
    "reason": "insufficient_funds",
    "deaf": False,
    "refund_failure": "none",
}


@dataclass
class Authority:
    """The running process: told how to behave, and asked what stands in its book."""

    process: subprocess.Popen
    url: str

    def call(self, path, told=None):
        request = urllib.request.Request(self.url + path, method="GET" if told is None else "PUT")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        request.data = None if told is None else json.dumps(told).encode()
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def behave(self, **told):
        return self.call("/settings", told)

    @property
    def state(self):
        return self.call("/state")

    def stands(self, payment):
        """Return whether it has approved ``payment`` and not reversed it."""
        return payment.reference in self.state["stands"]

    def decides_on(self, issuer, *, at=made.settlement.ISSUED):
        authorisers.use(issuer=issuer, url=self.url, token=TOKEN, at=at, actor=SYSTEM)


def start(folder, *words):
    """Start the process; it serves once it has told its address."""
    token = folder / "token"
    token.write_text(TOKEN)
    argv = [sys.executable, "manage.py", "run_authoriser", "--token-file", str(token), *words]
    process = subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    return Authority(process, process.stdout.readline().strip())


def sent(*, at, all_of_it=False):
    """Ask and settle until nothing is asked any more (nor to be told); the clock begins at."""
    began = time.monotonic()
    states = ["ASKED", "REVERSAL_DUE"] if all_of_it else ["ASKED"]

    def clock():
        return at + timedelta(seconds=time.monotonic() - began)

    unsettled = []
    with asking.senders(clock=clock) as under_way:
        while RemoteAuthorisation.objects.filter(state__in=states).exists() or (
            all_of_it and RefundAdvice.objects.filter(state="DUE").exists()
        ):
            assert time.monotonic() < began + 30, "it never came to an end"
            unsettled = asking.turn(under_way=under_way, unsettled=unsettled, clock=clock)


def question():
    """Return the one question there is."""
    return RemoteAuthorisation.objects.get()


class Payer(made.Payer):
    """A customer whose issuer decides in a system of its own; waits for its word."""

    def approves(self, request, *, at, **more):
        word = super().approves(request, at=at, **more)
        if word.state != "APPROVING":
            return word
        sent(at=at)
        payment = Payment.objects.get(reference=request.reference)
        return Approval(
            document=payment.reference,
            state=payment.state,
            remainder_minor=word.remainder_minor,
            approval_code=payment.approval_code,
            decline_reason=payment.decline_reason,
        )

    def asks_to_pay(self, request, *, at, **more):
        """Claim and approve without waiting for the issuer."""
        return super().approves(self.claims(request, at=at), at=at, **more)


def payer(authority, **options):
    """Return a payer whose issuer is asked at ``authority``."""
    plain = made.payer(**options)
    authority.decides_on(plain.held.card.issuer)
    return Payer(plain.held, key=plain.key)
