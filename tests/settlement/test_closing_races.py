"""A day closed while somebody else adds up what it took: the payout holds all of it."""

import threading

import pytest
from django.db import connection, transaction

from config import jobs
from settlement.models import Payment, Payout
from settlement.services import closing, closing_jobs, days
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)
HELD_S = 1.0  # an age for who does not wait


@pytest.fixture
def merchant(noon):
    terminal = made.terminal()
    made.payer().pays(terminal.asks(10_000, at=noon), at=noon)
    return terminal.place.merchant


@pytest.fixture
def added_up_elsewhere():
    """Add the changes up in a transaction that stays open until it is told, or for a while."""
    begun, told = threading.Event(), threading.Event()

    def add_up():
        try:
            with transaction.atomic():
                days.roll_up()
                begun.set()
                told.wait(HELD_S)
        finally:
            connection.close()

    other = threading.Thread(target=add_up)
    other.start()
    assert begun.wait(10)
    yield
    told.set()
    other.join()


def by_command(merchant, day, at):
    return closing.close_day(merchant=merchant, day=day, actor=SYSTEM, at=at).differences


def by_job(merchant, day, at):
    job = closing_jobs.start(merchant=merchant, day=day, actor=SYSTEM, at=at)
    while closing_jobs.run_step(job=job.reference, at=at):
        pass
    job.refresh_from_db()
    assert job.state not in jobs.UNFINISHED
    return job.errors


@pytest.mark.parametrize("close", [by_command, by_job])
def test_what_another_worker_adds_up_is_waited_for(merchant, noon, added_up_elsewhere, close):
    day = Payment.objects.get().business_date

    assert close(merchant, day, noon) == []
    assert Payout.objects.get().sales_minor == 10_000


@pytest.mark.parametrize("close", [by_command, by_job])
def test_control_who_does_not_wait_leaves_it_out(
    merchant, noon, added_up_elsewhere, close, monkeypatch
):
    monkeypatch.setattr(days, "settle", lambda **_told: days.roll_up())
    day = Payment.objects.get().business_date

    close(merchant, day, noon)
    assert not Payout.objects.exists()
