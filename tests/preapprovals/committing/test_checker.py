"""The checker's rules of pre-approvals: sound books pass, and each planted fault is named."""

import json
from contextlib import closing

import pytest
from django.db import connection, transaction

from settlement.simulation.checker import preapprovals
from settlement.simulation.checker.books import Books
from settlement.simulation.checker.findings import Findings
from tests.factories import preapprovals as made

TOLD_AGAIN = """
INSERT INTO config_event (scope, type, subject, at, body)
SELECT scope, 'preapproval.expired', subject, at, body FROM config_event
 WHERE type = 'preapproval.completed'
"""
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(noon, tmp_path):
    """A number that is live, one in suspense and one paid out, and the machine's journal."""
    payer, atm = made.payer(), made.atm()
    made.approved(payer, at=noon)
    unknown = atm.takes(made.approved(payer, at=noon), at=noon)
    atm.reports(unknown, "UNKNOWN", at=noon)
    taken = atm.takes(made.approved(payer, at=noon), at=noon)
    atm.reports(taken, at=noon)
    line = {"op": "dispensed", "redemption": taken.reference, "dispensed_minor": 10_000}
    line |= {"item_serial": ""}
    (tmp_path / "machines.jsonl").write_text(json.dumps(line) + "\n")
    return tmp_path


def found(folder):
    findings = Findings()
    url = connection.get_connection_params()
    database = f"dbname={url['dbname']} host={url['host']} user={url.get('user', '')}"
    with closing(Books(database)) as books:
        preapprovals.check(folder, books, findings)
    assert findings.checked["preapprovals"] == 3
    return {each.invariant for each in findings.violations}


def planted(statement):
    """Change the books behind the back of every trigger, as only a superuser can."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)


def test_sound_books_pass(folder):
    assert found(folder) == set()


@pytest.mark.parametrize(
    ("statement", "invariant"),
    [
        ("UPDATE issuers_hold SET state = 'RELEASED' WHERE state = 'HELD'", "I8"),
        ("UPDATE issuers_hold SET amount_minor = amount_minor + 1", "I8"),
        ("UPDATE settlement_payment SET amount_minor = amount_minor - 1", "I2"),
        (
            "UPDATE settlement_transfer SET amount_minor = amount_minor - 1 WHERE payment_id > 0",
            "I2",
        ),
        ("DELETE FROM settlement_redemption WHERE state = 'COMPLETED'", "I2"),
        ("UPDATE settlement_preapproval SET state = 'IN_PROGRESS' WHERE state = 'SUSPENSE'", "I5"),
        (TOLD_AGAIN, "I5"),
    ],
)
def test_a_planted_fault_is_named(folder, statement, invariant):
    planted(statement)
    assert invariant in found(folder)


def test_what_left_a_machine_and_is_not_in_the_books_is_named(folder):
    journal = folder / "machines.jsonl"
    journal.write_text(journal.read_text().replace("10000", "12000"))
    assert found(folder) == {"I2"}
