"""The sequencer: gap-free numbers within a merchant, whatever commits when, whoever runs twice."""

import asyncio
import os
import random
import threading
import time
import uuid
from contextlib import contextmanager

import pgtrigger
import pytest
from channels.layers import get_channel_layer
from django.db import connection, connections, transaction
from django.utils import timezone

from config import events, sequencer
from config.models import Event, Heartbeat
from tests.api.test_idempotency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

SCOPES = ["MER-A", "MER-B", "MER-C"]


def write(scope, subject="PAY-1"):
    return events.write(scope=scope, kind="payment.approved", subject=subject, at=timezone.now())


def writer(seed, count=40):
    """Write events in transactions that last, overlap and sometimes roll back."""
    rng = random.Random(seed)

    def run():
        for _ in range(count):
            with transaction.atomic():
                write(rng.choice(SCOPES))
                time.sleep(rng.random() / 100)
                transaction.set_rollback(rng.random() < 0.2)

    return run


@contextmanager
def running(count=1):
    """Run sequencers in threads while the block runs."""
    stop = threading.Event()

    def run():
        sequencer.run(stop=stop)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)


def settled(within_s=10):
    deadline = time.monotonic() + within_s
    while Event.objects.filter(seq=None).exists():
        assert time.monotonic() < deadline, "events stayed without a number"
        time.sleep(0.02)


def gaps():
    """Return the scopes whose numbers are not 1, 2, 3, …"""
    wrong = {}
    for scope in SCOPES:
        seqs = sorted(Event.objects.filter(scope=scope).values_list("seq", flat=True))
        if seqs != list(range(1, len(seqs) + 1)):
            wrong[scope] = seqs
    return wrong


class TestNumbers:
    @pytest.mark.parametrize("sequencers", [1, 2])
    def test_have_no_gap_and_no_twin(self, sequencers):
        with running(sequencers):
            at_once(*[writer(seed) for seed in range(6)])
            settled()

        assert gaps() == {}
        assert all(
            events.head(scope=scope) == Event.objects.filter(scope=scope).count()
            for scope in SCOPES
        )

    def test_have_gaps_when_writers_draw_them(self):
        """The negative control: a sequence is drawn before commit, and a rollback loses one."""
        with connection.cursor() as cursor:
            cursor.execute("CREATE SEQUENCE drawn")

        def draws(seed):
            rng = random.Random(seed)

            def run():
                for _ in range(20):
                    with transaction.atomic(), connection.cursor() as cursor:
                        cursor.execute("SELECT nextval('drawn')")
                        (seq,) = cursor.fetchone()
                        event = write("MER-A")
                        with pgtrigger.ignore("config.Event:takes_next_numbers"):
                            Event.objects.filter(pk=event.pk).update(seq=seq)
                        transaction.set_rollback(rng.random() < 0.2)

            return run

        try:
            at_once(*[draws(seed) for seed in range(3)])
            assert "MER-A" in gaps()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP SEQUENCE drawn")

    def test_of_a_late_commit_come_later_and_keep_what_was_given(self):
        late, others_numbered = threading.Event(), threading.Event()

        def slow():
            with transaction.atomic():
                write("MER-A", "PAY-LATE")
                late.set()
                others_numbered.wait(10)

        def quick():
            late.wait(10)
            write("MER-A", "PAY-QUICK")
            settled()
            others_numbered.set()

        with running():
            at_once(slow, quick)
            settled()

        told = [(event.subject, event.seq) for event in events.after(scope="MER-A", seq=0, limit=9)]
        assert told == [("PAY-QUICK", 1), ("PAY-LATE", 2)]

    def test_come_within_a_fraction_of_a_second(self):
        with running():
            _until(lambda: Heartbeat.objects.filter(part="sequencer").exists())
            began = time.monotonic()
            write("MER-A")
            settled()

        assert time.monotonic() - began < 1


class TestItGoesOn:
    def test_without_valkey(self, settings, tmp_path):
        layer = {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"unix://{tmp_path}/nothing.sock"]},
        }
        settings.CHANNEL_LAYERS = {"default": layer}
        with running():
            for _ in range(3):
                write("MER-A")
                settled()

        assert events.head(scope="MER-A") == 3

    def test_after_the_database_cut_its_connection(self):
        with running():
            _until(lambda: Heartbeat.objects.filter(part="sequencer").exists())
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                assert cursor.fetchone()[0] >= 1
            write("MER-A")
            settled()

        assert events.head(scope="MER-A") == 1


class TestTheHint:
    async def test_reaches_the_merchant_s_group(self, settings):
        scope = f"MER-{uuid.uuid4().hex[:8]}"
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(sequencer.group_of(scope=scope), channel)

        await sequencer.hint({scope: 7})

        told = await asyncio.wait_for(layer.receive(channel), 5)
        assert told == {"type": "events.available", "seq": 7}


def test_the_process_ends_on_sigterm(tmp_path):
    import signal
    import subprocess
    import sys

    name = connection.settings_dict["NAME"]
    host = connection.settings_dict["HOST"] or connection.settings_dict["OPTIONS"].get("host", "")
    environment = os.environ | {"DATABASE_URL": f"postgresql://portal@/{name}?host={host}"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_sequencer"],
        env=environment,
        stderr=subprocess.PIPE,
    )
    try:
        _until(lambda: Heartbeat.objects.filter(part="sequencer").exists(), within_s=20)
        process.send_signal(signal.SIGTERM)
        _out, told = process.communicate(timeout=5)
    finally:
        process.kill()

    assert process.returncode == 0, told.decode()
    assert b"Traceback" not in told


def _until(holds, within_s=5):
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
