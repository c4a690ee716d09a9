"""The checker judges by itself: what it may import, and what its own rules say of a record."""

import ast
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from settlement.simulation import checker
from settlement.simulation.checker import books, logs, records
from settlement.simulation.checker.findings import Findings

DAY_S = 24 * 60 * 60
NOON = 1_800_000_000
FOLDER = Path(checker.__file__).parent
OWN = "settlement.simulation.checker"


def test_it_shares_no_code_with_the_portal_or_the_simulator():
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text())
        named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        named |= {
            name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for name in node.names
        }
        ours = {name for name in named if name.split(".")[0] in {"settlement", "config", "django"}}
        assert all(name.startswith(OWN) for name in ours), path


def test_it_runs_without_django():
    program = "import sys, settlement.simulation.checker.judge; print('django' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "False"


@pytest.fixture
def sides():
    """Scratch tables with one record that a reader approved at NOON and sent an hour later."""
    scratch = sqlite3.connect(":memory:")
    scratch.executescript(logs.TABLES)
    scratch.executescript(books.TABLES)
    scratch.execute(
        "INSERT INTO approved VALUES ('d', 'RDR', 's', 1, 'c', 900, NULL, ?, 0)", [NOON]
    )
    scratch.execute("INSERT INTO received VALUES ('RDR', 1, 'BAT', 'POSTED', ?)", [NOON + 3600])
    scratch.execute("INSERT INTO enrolled VALUES ('RDR', ?)", [NOON - DAY_S])
    return scratch


def rejected(sides, reason):
    sides.execute("INSERT INTO result VALUES ('d', 'RDR', 1, 0, 'REJECTED', ?)", [reason])
    return found(sides)


def found(sides):
    findings = Findings()
    records.check(sides, findings)
    return [each.invariant for each in findings.violations]


def test_an_approval_without_a_result(sides):
    assert found(sides) == ["I2"]


@pytest.mark.parametrize("reason", ["future_time", "too_late", "record_signature", "sale_unknown"])
def test_a_sound_record_may_not_be_rejected(sides, reason):
    assert rejected(sides, reason) == ["I2"]


@pytest.mark.parametrize(
    ("reason", "off_s", "excused"),
    [
        ("future_time", 3600 + 300, False),
        ("future_time", 3600 + 301, True),
        ("too_late", -DAY_S, False),
        ("too_late", -DAY_S - 1, True),
    ],
)
def test_a_reader_whose_clock_is_off_may(sides, reason, off_s, excused):
    sides.execute("UPDATE approved SET at = at + ?", [off_s])
    assert (rejected(sides, reason) == []) is excused


def test_a_second_payload_of_a_copied_phone_is_disputed_and_listed(sides):
    sides.execute("INSERT INTO asked VALUES ('other', 's', 1, 0)")
    sides.execute("INSERT INTO copied VALUES ('c')")
    assert rejected(sides, "duplicate_atc") == ["1.10"]
    sides.execute("INSERT INTO dispute VALUES ('RDR', 1, 0, 1)")
    assert found(sides) == []


def test_nobody_copied_the_phone(sides):
    sides.execute("INSERT INTO asked VALUES ('other', 's', 1, 0)")
    sides.execute("INSERT INTO dispute VALUES ('RDR', 1, 0, 1)")
    assert rejected(sides, "duplicate_atc") == ["1.10"]


def test_a_tampered_record_takes_the_honest_one_with_it(sides):
    sides.execute("INSERT INTO harmed VALUES ('altered', 's', 1, 'tampered-record')")
    sides.execute("INSERT INTO result VALUES ('altered', 'RDR', 1, 0, 'REJECTED', ?)", ["other"])
    assert found(sides) == ["I2"]
    sides.execute("UPDATE result SET reason = 'record_signature'")
    assert found(sides) == []


PAID = """
INSERT INTO payment VALUES ('PAY', 'e', 's', 2, 900, 'APPROVED', 900, 0, 'MER', 0)
"""


@pytest.mark.parametrize(
    ("taken", "given", "broken"),
    [(300, 300, []), (300, 0, ["I2"]), (0, 300, ["I2"]), (901, 901, ["I2"])],
)
def test_what_was_given_back_is_what_the_refunds_say(sides, taken, given, broken):
    sides.execute("DELETE FROM approved")
    sides.execute("INSERT INTO asked VALUES ('e', 's', 2, 0)")
    sides.execute(PAID)
    sides.execute("UPDATE payment SET taken = ?, given = ?", [taken, given])
    assert found(sides) == broken


def test_what_was_declined_online_may_not_be_in_the_books(sides):
    sides.execute("DELETE FROM approved")
    sides.execute("INSERT INTO asked VALUES ('e', 's', 2, 0)")
    sides.execute(PAID)
    assert found(sides) == []  # the answer was lost: once, or not at all
    sides.execute("UPDATE asked SET denied = 1")
    assert found(sides) == ["I2"]
