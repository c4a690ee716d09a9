"""What an approval costs the database: how often it waits for it, and how many statements (B1)."""

import pytest

from config import pipeline
from tests.factories import requests as made
from tests.settlement.turns import one_by_one, turns_of

ROUND_TRIPS = 4


@pytest.fixture
def claimed(transactional_db, noon):
    terminal, payer = made.terminal(), made.payer()
    payer.pays(terminal.asks(100, at=noon), at=noon)  # makes the shop's ledger account
    request = payer.claims(terminal.asks(10_000, at=noon), at=noon)
    return payer, request


@pytest.mark.django_db(transaction=True)
def test_an_approval_waits_at_most_four_times(claimed, noon):
    payer, request = claimed
    consent = payer.consent(request)

    word, turns = turns_of(lambda: payer.approves(request, at=noon, consent=consent))

    assert word.state == "APPROVED"
    assert turns <= ROUND_TRIPS


@pytest.mark.django_db(transaction=True)
def test_negative_control_statement_by_statement_it_waits_more(claimed, noon, monkeypatch):
    monkeypatch.setattr(pipeline, "run", one_by_one)
    payer, request = claimed

    word, turns = turns_of(lambda: payer.approves(request, at=noon))

    assert word.state == "APPROVED"
    assert turns > 2 * ROUND_TRIPS
