"""What an approval costs the database: how often it waits for it, and how many statements (B1)."""

import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.factories import requests as made
from tests.settlement.turns import counted

ROUND_TRIPS = 4


def in_a_thread(act):
    """Run ``act`` over a connection of its own."""

    def run():
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


@pytest.fixture
def claimed(transactional_db, noon):
    terminal, payer = made.terminal(), made.payer()
    payer.pays(terminal.asks(100, at=noon), at=noon)  # makes the shop's ledger account
    request = payer.claims(terminal.asks(10_000, at=noon), at=noon)
    return payer, request


def turns_of(act):
    with (
        tempfile.TemporaryDirectory() as folder,
        counted(connection, folder=folder) as turns,
    ):

        def run():
            connection.ensure_connection()
            before = turns.count
            answer = act()
            return answer, turns.count - before

        return in_a_thread(run)


@pytest.mark.django_db(transaction=True)
def test_an_approval_waits_at_most_four_times(claimed, noon):
    payer, request = claimed
    consent = payer.consent(request)

    word, turns = turns_of(lambda: payer.approves(request, at=noon, consent=consent))

    assert word.state == "APPROVED"
    assert turns <= ROUND_TRIPS


@pytest.mark.django_db(transaction=True)
def test_negative_control_statement_by_statement_it_waits_more(claimed, noon, monkeypatch):
    from config import pipeline

    together = pipeline.run
    monkeypatch.setattr(
        pipeline, "run", lambda *statements: [together(each)[0] for each in statements]
    )
    payer, request = claimed

    word, turns = turns_of(lambda: payer.approves(request, at=noon))

    assert word.state == "APPROVED"
    assert turns > 2 * ROUND_TRIPS
