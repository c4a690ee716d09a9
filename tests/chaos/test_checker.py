"""The checker names what is wrong, and only that."""

from dataclasses import replace

import pytest

from tests.chaos import checker, nemesis
from tests.chaos.checker import Booked, Evidence, Sent
from tests.chaos.journal import Journal, read

RECORD, BATCH = ("serial", 1), ("RDR-1", 1)
BOOKED = Booked(payments=1, transfers=1, amount_minor=500, verdicts=1)


@pytest.fixture
def sound():
    return Evidence(
        sent={RECORD: Sent(amount_minor=500, acknowledged=True)},
        booked={RECORD: BOOKED},
        batches={BATCH: ("digest", True)},
        stored={BATCH: [("digest", "POSTED")]},
        told=[("RDR-1", 1, "POSTED")],
    )


def test_what_holds_is_no_violation(sound):
    assert checker.violations(sound) == []


@pytest.mark.parametrize(
    ("booked", "found"),
    [
        (replace(BOOKED, payments=2, transfers=2), "has 2 payments, 2 transfers"),
        (replace(BOOKED, transfers=2), "has 1 payments, 2 transfers"),
        (replace(BOOKED, transfers=0), "has 1 payments, 0 transfers"),
        (replace(BOOKED, amount_minor=501), "is 501, not 500"),
        (replace(BOOKED, verdicts=0), "no batch says it was posted"),
        (None, "has 0 payments, 0 transfers"),
    ],
)
def test_a_record_is_in_the_books_once(sound, booked, found):
    sound.booked = {RECORD: booked} if booked else {}

    (line,) = checker.violations(sound)
    assert line.startswith("I2: record serial/1")
    assert found in line


@pytest.mark.parametrize(("payments", "lines"), [(0, 0), (1, 0), (2, 1)])
def test_a_record_without_an_answer_is_there_once_at_most(sound, payments, lines):
    sound.sent[RECORD] = Sent(amount_minor=500, acknowledged=False)
    sound.batches[BATCH] = ("digest", False)
    sound.booked[RECORD] = replace(BOOKED, payments=payments, transfers=payments)

    assert len(checker.violations(sound)) == lines


def test_a_payment_that_nobody_sent(sound):
    sound.booked["serial", 2] = BOOKED

    assert checker.violations(sound) == [
        "I2: record serial/2 was posted, though no reader noted it"
    ]


@pytest.mark.parametrize(
    "stored",
    [[], [("digest", "RECEIVED")], [("other", "POSTED")], [("digest", "POSTED")] * 2],
)
def test_an_acknowledged_batch_is_there_once_and_posted(sound, stored):
    sound.stored[BATCH] = stored

    (line,) = checker.violations(sound)
    assert line.startswith("I2: batch ('RDR-1', 1)")


def test_a_good_record_that_was_rejected(sound):
    sound.told.append(("RDR-1", 1, "REJECTED"))

    assert checker.violations(sound) == [
        "I2: a good record of ('RDR-1', 1) was told to be REJECTED"
    ]


def test_a_log_is_read_up_to_its_last_whole_line(tmp_path):
    path = tmp_path / "reader.jsonl"
    Journal(path).note("upload", result="answered", start=1.0, sequence=3)
    with path.open("a") as file:
        file.write('{"op":"re')

    (entry,) = read(path)
    assert (entry["op"], entry["result"], entry["start"]) == ("upload", "answered", 1.0)


def test_the_plan_follows_from_the_seed_and_spares_no_target():
    one, again = (
        nemesis.plan(kills=40, seed=7, chosen=("web", "worker", "valkey", "postgres"))
        for _ in range(2)
    )
    other = nemesis.plan(kills=40, seed=8, chosen=("web", "worker", "valkey", "postgres"))

    assert one == again != other
    kills = [strike for strike in one if strike not in nemesis.DISTURBANCES]
    assert len(kills) == 40
    assert {target for target, _kind in kills} == {"web", "worker", "valkey", "postgres"}
    assert set(nemesis.DISTURBANCES) <= set(one)
