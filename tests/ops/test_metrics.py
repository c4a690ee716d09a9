"""``GET /metrics``: who may ask, what the gauges say, and sums over several processes."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config import events, health
from settlement.services import batches
from tests.factories import requests
from tests.factories import settlement as factory
from tests.journeys.portal import CHECKOUT

pytestmark = pytest.mark.django_db


def told(client, **headers):
    """Scrape, and return every sample by its name and labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


class TestGauges:
    def test_tell_batches_payments_events_and_parts(self, client):
        now = timezone.now()
        till, card = factory.till(now=now), factory.card_on_phone(at=now - timedelta(days=1))
        till.upload(card.sale(till, 3000), card.sale(till, 1000))
        batches.post_waiting(limit=20, at=now)
        till.upload(card.sale(till, 500), at=now - timedelta(seconds=90))
        health.beat(part="worker", at=now - timedelta(seconds=7))

        figures = told(client)

        assert figures["paydesk_batches", "POSTED"] == 1
        assert figures["paydesk_batches", "RECEIVED"] == 1
        assert 90 <= figures["paydesk_batch_oldest_waiting_seconds",] < 100
        assert figures["paydesk_events_unnumbered",] == 3
        assert 7 <= figures["paydesk_heartbeat_age_seconds", "worker"] < 17
        assert figures["paydesk_blacklist_readers", card.card.issuer.reference] == 1

    def test_requests_to_pay_are_told_by_state_until_they_end(self, client):
        now, terminal, payer = timezone.now(), requests.terminal(), requests.payer()
        payer.claims(terminal.asks(at=now - timedelta(seconds=100)), at=now)
        terminal.asks(at=now)
        payer.pays(terminal.asks(at=now - timedelta(seconds=200)), at=now)

        figures = told(client)

        states = ("REQUESTED", "CLAIMED", "APPROVING")
        assert [figures["paydesk_requests_open", state] for state in states] == [1, 1, 0]
        assert 100 <= figures["paydesk_request_oldest_open_seconds",] < 110
        assert figures["paydesk_day_changes_waiting",] == 1

    def test_payments_are_those_of_the_business_day(self, client, noon, time_machine):
        time_machine.move_to(noon, tick=False)
        till, card = factory.till(now=noon), factory.card_on_phone()
        till.upload(card.sale(till, 3000), card.sale(till, 1000))
        batches.post_waiting(limit=20, at=noon)

        figures = told(client)

        assert figures["paydesk_payments_today", "OFFLINE", "KRW"] == 2
        assert figures["paydesk_payments_today_minor", "OFFLINE", "KRW"] == 4000

    def test_numbered_events_do_not_wait(self, client, noon):
        events.write(scope="MER-1", kind="payment.approved", subject="PAY-1", at=noon)
        events.take_turn()

        assert told(client)["paydesk_events_unnumbered",] == 0

    def test_the_queries_are_as_many_with_many_rows(
        self, client, noon, django_assert_max_num_queries
    ):
        till, card = factory.till(now=noon), factory.card_on_phone()
        for amount in range(1, 6):
            till.upload(card.sale(till, amount))
        batches.post_waiting(limit=20, at=noon)

        with django_assert_max_num_queries(21):
            told(client)


class TestWhoMayAsk:
    def test_a_stranger_is_refused(self, client):
        answer = client.get("/metrics", REMOTE_ADDR="192.0.2.7")

        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")

    def test_who_comes_by_a_proxy_on_this_machine_is_a_stranger(self, client):
        answer = client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})

        assert answer.status_code == 401

    def test_the_token_opens_and_another_does_not(self, client, settings):
        settings.METRICS_TOKEN = "right"

        def status(token):
            headers = {"Authorization": f"Bearer {token}"}
            return client.get("/metrics", REMOTE_ADDR="192.0.2.7", headers=headers).status_code

        assert (status("right"), status("wrong"), status("")) == (200, 401, 401)

    def test_without_a_token_set_an_empty_one_opens_nothing(self, client, settings):
        settings.METRICS_TOKEN = ""

        answer = client.get(
            "/metrics", REMOTE_ADDR="192.0.2.7", headers={"Authorization": "Bearer "}
        )

        assert answer.status_code == 401


class TestRequests:
    def test_are_counted_by_route_and_status_never_by_path(self, client):
        key = ("paydesk_requests_total", "readyz", "200")
        before = told(client).get(key, 0)

        client.get("/readyz")
        client.get("/nowhere/4111111111111111")

        figures = told(client)
        assert figures[key] == before + 1
        assert figures["paydesk_requests_total", "none", "404"] >= 1
        assert figures["paydesk_request_seconds_count", "readyz"] >= 1
        assert not [name for name in figures if "4111111111111111" in str(name)]

    def test_of_several_processes_add_up(self, tmp_path):
        environment = {
            **os.environ,
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        ask = (
            "import django; django.setup();"
            "from django.test import Client;"
            "[Client(SERVER_NAME='localhost').get('/nowhere') for _n in range(3)];"
            "from config import meters; from prometheus_client import generate_latest;"
            "print(generate_latest(meters.registry()).decode())"
        )
        outputs = [
            subprocess.run(
                [sys.executable, "-c", ask],
                cwd=CHECKOUT,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for _process in range(2)
        ]

        assert 'paydesk_requests_total{route="none",status="404"} 3.0' in outputs[0]
        assert 'paydesk_requests_total{route="none",status="404"} 6.0' in outputs[1]


class TestReadiness:
    def test_a_silent_worker_does_not_make_the_web_process_unready(self, client, settings):
        settings.EXPECTED_PARTS = ["worker"]

        assert client.get("/healthz").status_code == 503
        assert client.get("/readyz").json() == {"status": "ready", "detail": ""}
