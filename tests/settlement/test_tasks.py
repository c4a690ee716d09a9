"""A worker posts what waits; a lost broker only delays it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from config.celery import app
from settlement import tasks
from settlement.models import Batch
from tests.clients import session_of
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def till():
    return factory.till(now=timezone.now())


@pytest.fixture
def uploaded(till, django_capture_on_commit_callbacks):
    """Upload a batch as a reader does, and run what waits for the commit."""
    card = factory.card_on_phone(at=timezone.now() - timedelta(hours=1))

    def upload():
        reader = session_of(key=till.key, device=till.device)
        with django_capture_on_commit_callbacks(execute=True):
            return reader.post("/reader/batches", body=till.batch(card.sale(till)))

    return upload


@pytest.fixture
def worker_here():
    """Run tasks in place of sending them."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.usefixtures("worker_here")
def test_an_upload_wakes_a_worker_that_posts_it(uploaded, till):
    assert uploaded().status == 202

    till.sequence = 1
    assert till.result() == [("POSTED", "")]


def test_without_a_broker_the_batch_waits_for_the_beat(uploaded, monkeypatch):
    def unreachable(**_options):
        raise OperationalError

    monkeypatch.setattr(tasks.post_waiting, "apply_async", unreachable)

    assert uploaded().status == 202
    assert Batch.objects.get().state == "RECEIVED"

    tasks.post_waiting()

    assert Batch.objects.get().state == "POSTED"
