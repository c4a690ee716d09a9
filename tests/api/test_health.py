"""``/healthz``: 200 when every part that should run serves, else which one does not."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from config import health, tasks
from config.models import Heartbeat

EVERYTHING = ["database", "broker", "web", "sequencer", "worker", "beat"]


@pytest.mark.django_db
class TestHealthz:
    def test_is_ok_when_every_expected_part_is(self, client, settings):
        settings.EXPECTED_PARTS = EVERYTHING
        health.beat(part="sequencer", at=timezone.now())
        tasks.beat_worker()

        answer = client.get("/healthz")

        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ok",
            "parts": {name: {"ok": True, "detail": ""} for name in EVERYTHING},
        }
        assert "no-store" in answer["Cache-Control"]

    def test_names_the_part_that_is_silent(self, client, settings, noon):
        settings.EXPECTED_PARTS = EVERYTHING
        tasks.beat_worker()
        health.beat(part="sequencer", at=noon)

        answer = client.get("/healthz")

        assert answer.status_code == 503
        told = answer.json()
        assert told["status"] == "unhealthy"
        assert [name for name, part in told["parts"].items() if not part["ok"]] == ["sequencer"]
        assert "2026-11-22T03:00:00" in told["parts"]["sequencer"]["detail"]

    def test_names_the_part_that_never_started(self, client, settings):
        settings.EXPECTED_PARTS = ["simulator"]

        assert client.get("/healthz").json()["parts"]["simulator"]["detail"] == "has not started"

    def test_does_not_ask_for_what_is_not_run(self, client, settings):
        settings.EXPECTED_PARTS = ["database", "broker"]

        assert set(client.get("/healthz").json()["parts"]) == {"database", "broker"}

    def test_names_a_broker_that_is_away(self, client, settings, tmp_path):
        settings.EXPECTED_PARTS = ["database", "broker"]
        settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock"

        answer = client.get("/healthz")

        assert answer.status_code == 503
        assert answer.json()["parts"]["broker"] == {"ok": False, "detail": "ConnectionError"}

    @pytest.mark.parametrize(("late_s", "ok"), [(19.999, True), (20, False)])
    def test_takes_twenty_seconds_of_silence_for_death(self, settings, noon, late_s, ok):
        settings.EXPECTED_PARTS = ["worker"]
        health.beat(part="worker", at=noon)

        assert health.status(at=noon + timedelta(seconds=late_s))["worker"].ok is ok


@pytest.mark.django_db(transaction=True)
class TestBeating:
    def test_goes_on_in_a_thread_and_ends_with_the_block(self):
        with health.beating(part="sockets"):
            _until(lambda: Heartbeat.objects.filter(part="sockets").exists())

        assert not [t for t in threading.enumerate() if t.name == "beat-sockets"]


def _until(holds, within_s=5):
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
