"""Receivers with TLS on this machine, and a shop whose events go there."""

import ssl
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone

from config import events
from config.audit import SYSTEM
from config.stack import certificate
from merchants.devices.webhooks import Receiver
from merchants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from merchants.services.webhooks import endpoints, runner
from tests.factories.merchants import MerchantFactory


@pytest.fixture(scope="session")
def pem(tmp_path_factory):
    """A certificate for this machine with its key, made for this run."""
    return certificate.write(
        folder=tmp_path_factory.mktemp("tls"), names=certificate.HERE, at=timezone.now()
    )


@dataclass
class Server:
    """A receiver that serves, and the secrets it knows by path."""

    port: int
    receiver: Receiver
    secrets: dict[str, list[str]] = field(default_factory=dict)

    def url(self, path="/hook"):
        return f"https://127.0.0.1:{self.port}{path}"


@pytest.fixture
def serve(pem, settings):
    """A function that starts a receiver, opens the fence for it and trusts its certificate."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    settings.WEBHOOK_TRUST = str(pem)
    with ExitStack() as stack:

        def start(answer=None, allow=True):
            secrets = {}
            receiver = Receiver(secrets=lambda path: secrets.get(path, []), answer=answer)
            port = stack.enter_context(receiver.serving(tls=tls))
            if allow:
                settings.WEBHOOK_ALLOW = settings.WEBHOOK_ALLOW | {f"127.0.0.1:{port}"}
            return Server(port=port, receiver=receiver, secrets=secrets)

        yield start


@pytest.fixture
def merchant(db):
    return MerchantFactory()


def hook(merchant, server, *, path="/hook", **told):
    """Return an endpoint of ``merchant`` at ``server``, which knows its secret."""
    made = endpoints.add(
        merchant=merchant, url=server.url(path), actor=SYSTEM, at=timezone.now(), **told
    )
    server.secrets.setdefault(path, []).append(made.secret)
    return made.endpoint


def happen(merchant, count=1, kind="payment.approved"):
    """Let ``count`` payments of ``merchant`` be approved, and number the events."""
    for place in range(count):
        told = {"payment": {"id": f"PAY-{place}", "state": "APPROVED", "amount": 1000 + place}}
        events.write(
            scope=merchant.reference,
            kind=kind,
            subject=f"PAY-{place}",
            at=timezone.now(),
            body=told,
        )
    while events.take_turn().more:
        pass


def deliver(*, until, within_s=30):
    """Turn the loop in this thread until ``until()``; the time to the next try passes at once."""
    passed = timedelta(0)

    def clock():
        return timezone.now() + passed

    deadline, unsettled = time.monotonic() + within_s, []
    with runner.senders(clock=timezone.now) as under_way:
        while not until():
            assert time.monotonic() < deadline, "it never came true"
            unsettled = runner.turn(
                under_way=under_way, unsettled=unsettled, clock=clock, wait_s=0.05
            )
            if not (under_way.busy.total() or unsettled) and (wait := next_due() - clock()):
                passed += max(wait, timedelta(0))
        runner.turn(under_way=under_way, unsettled=unsettled, clock=clock, wait_s=0)


def next_due():
    """Return when the next try of an enabled endpoint is due; now, if there is none."""
    waiting = WebhookDelivery.objects.filter(state="PENDING", endpoint__state="ENABLED")
    return waiting.order_by("next_at").values_list("next_at", flat=True).first() or timezone.now()


def states():
    """Return how many deliveries are in each state."""
    rows = WebhookDelivery.objects.values_list("state", flat=True)
    return {state: list(rows).count(state) for state in set(rows)}


def settled():
    """Return whether nothing waits and everything was looked at."""
    behind = WebhookEndpoint.objects.filter(state="ENABLED")
    heads = all(e.cursor == events.head(scope=e.merchant.reference) for e in behind)
    return heads and not WebhookDelivery.objects.filter(state="PENDING").exists()


def errors():
    """Return what attempts met with, in order."""
    return list(WebhookAttempt.objects.order_by("id").values_list("status", "error"))
