"""Several processes, and processes that die: nothing is lost, nothing acts twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from merchants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from merchants.services.webhooks import leases, spool
from merchants.services.webhooks.leases import Outcome
from tests.factories.merchants import MerchantFactory
from tests.journeys.portal import CHECKOUT
from tests.webhooks.conftest import happen, hook, settled, states

pytestmark = pytest.mark.django_db(transaction=True)


def environment():
    """Return what a process of ours needs to work on this test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return os.environ | {
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{name}")),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PAYDESK_DATA_DIR": str(django_settings.DATA_DIR),
        "PAYDESK_WEBHOOK_ALLOW": ",".join(django_settings.WEBHOOK_ALLOW),
        "PAYDESK_WEBHOOK_TRUST": django_settings.WEBHOOK_TRUST,
        "PAYDESK_WEBHOOK_LEASE_S": "2",
    }


@contextmanager
def process():
    """Run ``run_webhooks`` while the block runs, and kill it at the end."""
    running = subprocess.Popen(
        [sys.executable, "manage.py", "run_webhooks"], cwd=CHECKOUT, env=environment()
    )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()


def eventually(is_so, within_s=60):
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def claim(limit=100, busy=None, at=None):
    return leases.claim(limit=limit, busy=busy or {}, at=at or timezone.now())


def outcome(parcel, error=""):
    return Outcome(
        parcel=parcel,
        began_at=timezone.now(),
        duration_ms=1,
        status=None if error else 204,
        error=error,
        answer=b"",
    )


def settle(*outcomes, at=None):
    leases.settle(outcomes=outcomes, at=at or timezone.now(), draws=[0.0] * len(outcomes))


class TestKilled:
    def test_in_the_midst_of_it_the_next_one_goes_on(self, merchant, serve):
        server = serve()
        hook(merchant, server)
        happen(merchant, 120)
        for done in (20, 60):
            with process():
                eventually(lambda done=done: len(server.receiver.effects) >= done)
            happen(merchant, 20)

        with process():
            eventually(settled)

        ids = {f"evt_{merchant.reference}_{seq}" for seq in range(1, 161)}
        assert set(server.receiver.effects) == ids
        assert states() == {"DELIVERED": 160}

    def test_two_at_once_send_each_message_once(self, merchant, serve):
        server = serve()
        hook(merchant, server)
        happen(merchant, 40)

        with process(), process():
            eventually(settled)

        assert len(server.receiver.messages) == len(server.receiver.effects) == 40

    def test_asked_to_end_it_ends_at_once(self, merchant, serve):
        server = serve()
        hook(merchant, server, path="/hook?wait=9")
        happen(merchant)
        with process() as running:
            eventually(lambda: server.receiver.messages)
            running.send_signal(signal.SIGTERM)

            assert running.wait(timeout=5) == 0


class TestLeases:
    @pytest.fixture
    def waiting(self, merchant, serve):
        """Ten messages of one endpoint that wait."""
        hook(merchant, serve())
        happen(merchant, 10)
        spool.write_due(at=timezone.now())

    def test_what_is_taken_on_is_nobody_elses_until_the_lease_ends(self, waiting, settings):
        now = timezone.now()
        first, second = (
            {parcel.delivery for parcel in claim(at=now)},
            {parcel.delivery for parcel in claim(at=now)},
        )

        later = claim(at=now + timedelta(seconds=settings.WEBHOOK_LEASE_S))

        assert not first & second
        assert (first | second) & {parcel.delivery for parcel in later}

    def test_who_outlived_its_lease_decides_nothing(self, waiting, settings):
        now = timezone.now()
        (first,) = claim(limit=1, at=now)
        over = now + timedelta(seconds=settings.WEBHOOK_LEASE_S + 1)
        WebhookDelivery.objects.exclude(pk=first.delivery).update(next_at=over + timedelta(days=1))
        (second,) = claim(limit=1, at=over)
        assert second.delivery == first.delivery

        settle(outcome(first, error="timeout"))

        delivery = WebhookDelivery.objects.get(pk=first.delivery)
        assert (delivery.attempts, delivery.state) == (2, "PENDING")
        assert WebhookEndpoint.objects.get().failing_since is None
        settle(outcome(second))
        delivery.refresh_from_db()
        assert delivery.state == "DELIVERED"
        assert WebhookAttempt.objects.filter(delivery_id=delivery.pk).count() == 2

    def test_without_the_fence_who_outlived_its_lease_decides(self, waiting, monkeypatch):
        """Negative control: the number of the attempt is what the test before rests on."""
        unfenced = leases._SETTLE.replace("d.attempts = s.number", "d.attempts >= s.number")
        monkeypatch.setattr(leases, "_SETTLE", unfenced)
        now = timezone.now()
        (first,) = claim(limit=1, at=now)
        WebhookDelivery.objects.filter(pk=first.delivery).update(attempts=2)

        settle(outcome(first))

        assert WebhookDelivery.objects.get(pk=first.delivery).state == "DELIVERED"

    def test_an_endpoint_has_four_places_and_one_while_it_fails(self, waiting):
        endpoint = WebhookEndpoint.objects.get()
        parcels = claim(busy={endpoint.pk: 1})
        assert len(parcels) == 3

        settle(*(outcome(parcel, error="timeout") for parcel in parcels))

        assert len(claim()) == 1
        assert not claim(busy={endpoint.pk: 1})

    def test_the_longest_due_come_first_over_all_endpoints(self, waiting, merchant, serve):
        other = MerchantFactory()
        hook(other, serve())
        happen(other)
        spool.write_due(at=timezone.now() - timedelta(hours=1))

        (parcel,) = claim(limit=1)

        assert parcel.webhook_id == f"evt_{other.reference}_1"

    def test_a_secret_that_cannot_be_opened_stops_nobody_else(self, waiting, serve):
        damaged = WebhookEndpoint.objects.get()
        other = MerchantFactory()
        hook(other, serve())
        happen(other)
        spool.write_due(at=timezone.now())
        damaged.secrets.update(sealed=b"damaged")

        assert {parcel.endpoint for parcel in claim()} == {other.webhooks.get().pk}

    def test_claims_at_once_take_each_row_once(self, waiting):
        found, barrier = [], threading.Barrier(4)

        def run():
            barrier.wait()
            found.extend(parcel.delivery for parcel in claim())
            connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(found) == len(set(found))


class TestStatements:
    def count(self, merchants, serve, counted, each):
        server = serve()
        for merchant in merchants:
            hook(merchant, server)
            happen(merchant, each)
        with counted() as spooled:
            spool.write_due(at=timezone.now())
        with counted() as claimed:
            parcels = claim()
        with counted() as settled_in:
            settle(*(outcome(parcel, error="status") for parcel in parcels))
        return len(parcels), len(spooled), len(claimed), len(settled_in)

    def test_are_as_many_for_many_as_for_one(self, serve):
        def counted():
            return CaptureQueriesContext(connection)

        one = self.count([MerchantFactory()], serve, counted, 1)
        many = self.count([MerchantFactory() for _ in range(8)], serve, counted, 20)

        assert (one[0], many[0]) == (1, 32)
        assert one[1:] == many[1:]
        assert max(many[1:]) <= 8  # begin and commit among them
