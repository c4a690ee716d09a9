"""Simulated tills and shoppers against a real portal: faults, ends, and a checker that can fail."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from settlement.simulation import journal
from settlement.simulation.checker.judge import check
from settlement.simulation.sales import TillFault

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("simulation")]  # one portal for all

FAULTS = ",".join(TillFault)
WORDS = ("simulate", "--seed", "11", "--phones", "1", "--readers", "1", "--tills", "2")


@pytest.fixture(scope="module")
def verdict(portal):
    status, told = portal.manage(*WORDS, "--seconds", "4", "--faults", FAULTS)
    assert (status, told.get("violations")) == (0, []), told
    return told


def test_every_sale_has_ended_whatever_went_wrong(portal, verdict):
    assert sum(verdict["sales_by"].values()) == 4 * 2 * 2
    assert set(verdict["sales_by"]) <= {"APPROVED", "DECLINED", "CANCELLED", "REVERSED"}
    assert verdict["sales_by"]["APPROVED"] > 0
    assert set(verdict["faults_by"]) == set(TillFault)


def test_the_relay_and_both_ways_of_reading_were_used(verdict):
    sold = list(journal.read(Path(verdict["logs"]) / "tills.jsonl"))
    assert {line["by_relay"] for line in sold if line["op"] == "sale"} == {True, False}


class TestPlanted:
    """The negative controls: each corruption is found by its name."""

    @pytest.fixture
    def logs(self, verdict, tmp_path):
        return shutil.copytree(verdict["logs"], tmp_path / "logs")

    @pytest.fixture
    def found(self, portal, logs):
        def found():
            broken = check(folder=logs, database=portal.environment["DATABASE_URL"]).violations
            return {(each.invariant, each.where) for each in broken}

        return found

    def test_a_clean_run_has_none(self, found):
        assert found() == set()

    def test_a_screen_that_says_paid_where_nothing_was(self, logs, found):
        tid = ended(logs, "cancelled")
        add(logs / "tills.jsonl", screen(logs, tid) | {"op": "screen", "result": "paid"})

        assert found() == {("4.05", tid)}

    def test_a_screen_that_shows_another_code(self, logs, found):
        tid = ended(logs, "paid")
        add(logs / "tills.jsonl", screen(logs, tid) | {"op": "screen", "approval_code": "XXXXXX"})

        assert found() == {("4.05", tid)}

    def test_a_screen_that_stays_on_an_earlier_state(self, logs, found):
        tid = ended(logs, "paid")
        change(logs, tid, "closed", result="cancelled")

        assert found() == {("4.05", tid)}

    def test_a_sale_that_never_ended(self, logs, found):
        tid = ended(logs, "paid")
        change(logs, tid, "closed", result="checking")

        assert found() == {("ended", tid)}

    def test_another_amount_than_was_rung_up(self, logs, found):
        tid = ended(logs, "paid")
        change(logs, tid, "sale", amount_minor=1)

        assert found() == {("I2", tid)}

    def test_a_phone_that_paid_what_another_had_paid(self, logs, found):
        log = logs / "phones.jsonl"
        (paid, *_others) = [
            line
            for line in journal.read(log)
            if (line["op"], line["result"]) == ("purchase", "paid")
        ]
        add(log, paid | {"phone": 99})

        assert found() == {("3.07", paid["tid"])}

    def test_money_that_moved_twice(self, portal, logs, found):
        with doubled(portal, all_ended(logs, "paid")) as tid:
            assert ("I2", tid) in found()


def ended(logs, screen):
    """Return a T-ID that the till showed like this at last."""
    return all_ended(logs, screen)[0]


def all_ended(logs, screen):
    """Return the T-IDs that the till showed like this at last."""
    return [
        line["tid"]
        for line in journal.read(logs / "tills.jsonl")
        if (line["op"], line["result"]) == ("closed", screen)
    ]


def screen(logs, tid):
    """Return the last line about a T-ID."""
    lines = [line for line in journal.read(logs / "tills.jsonl") if line.get("tid") == tid]
    return lines[-1]


def add(log, line):
    with log.open("a") as file:
        file.write(json.dumps(line) + "\n")


def change(logs, tid, op, **facts):
    """Change the lines of one kind about a T-ID."""
    log = logs / "tills.jsonl"
    lines = list(journal.read(log))
    for line in lines:
        if (line["op"], line.get("tid")) == (op, tid):
            line.update(facts)
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))


@contextmanager
def doubled(portal, tids):
    """Let the sale of one of these stand in the ledger twice, as nothing in the portal could.

    Yield its T-ID. What benefits paid whole has no sale.
    """
    url = portal.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        made, tid = connection.execute(TWICE, [tids]).fetchone()
        try:
            yield tid
        finally:
            connection.execute("DELETE FROM settlement_transfer WHERE id = %s", [made])


TWICE = """
WITH sale AS (
    SELECT t.*, r.tid
      FROM settlement_transfer t JOIN settlement_paymentrequest r ON r.payment_id = t.payment_id
     WHERE r.tid = ANY(%s) AND t.code = 'ONLINE_SALE' LIMIT 1
), twice AS (
    INSERT INTO settlement_transfer (code, debit_id, credit_id, amount_minor, currency, payment_id,
                                     posting_id)
    SELECT code, debit_id, credit_id, amount_minor, currency, payment_id, posting_id FROM sale
    RETURNING id
)
SELECT twice.id, sale.tid FROM twice, sale
"""
