"""A worker posts what waits; a lost broker only delays it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from config.celery import app
from settlement import tasks
from settlement.models import Batch
from settlement.services import batches, ledger, posting
from tests.clients import session_of
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db(transaction=True)  # the worker's second thread reads too


@pytest.fixture
def till():
    return factory.till(now=timezone.now())


@pytest.fixture
def uploaded(till):
    """Upload a batch as a reader does."""
    card = factory.card_on_phone(at=timezone.now() - timedelta(hours=1))

    def upload():
        reader = session_of(key=till.key, device=till.device)
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


def test_many_sets_are_posted_while_the_next_is_verified(till):
    cards = [factory.card_on_phone(at=timezone.now() - timedelta(hours=1)) for _ in range(2)]
    for number in range(5):
        till.upload(cards[number % 2].sale(till))

    soon = timezone.now() + timedelta(minutes=1)
    posted = batches.post_all_waiting(limit=2, clock=timezone.now, until=soon)

    assert posted == 5
    assert set(Batch.objects.values_list("state", "attempts")) == {("POSTED", 1)}
    assert ledger.check() == []


def test_what_was_taken_on_beside_a_posting_that_fails_is_given_back(till, monkeypatch):
    card = factory.card_on_phone(at=timezone.now() - timedelta(hours=1))
    others = [factory.till(now=timezone.now()) for _ in range(2)]
    for each in (till, *others):
        each.upload(card.sale(each))

    def fails(**_evidence):
        raise OSError("no room")

    monkeypatch.setattr(posting, "post", fails)
    soon = timezone.now() + timedelta(minutes=1)
    with pytest.raises(OSError, match="no room"):
        batches.post_all_waiting(limit=1, clock=timezone.now, until=soon)

    assert sorted(Batch.objects.values_list("attempts", flat=True)) == [0, 0, 1]


def test_nothing_more_is_taken_on_when_the_time_is_over(till):
    card = factory.card_on_phone(at=timezone.now() - timedelta(hours=1))
    for _number in range(3):
        till.upload(card.sale(till))

    assert batches.post_all_waiting(limit=1, clock=timezone.now, until=timezone.now()) == 1
    assert sorted(Batch.objects.values_list("state", flat=True)) == [
        "POSTED",
        "RECEIVED",
        "RECEIVED",
    ]
