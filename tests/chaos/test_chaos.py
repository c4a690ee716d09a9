"""The short fault run of every test run, and two faults built in that it must find."""

import os
import subprocess

import pytest

from tests.journeys.portal import CHECKOUT, PAYDESK, bare_environment, last_object, pattern

SEED = os.environ.get("PAYDESK_CHAOS_SEED", "1")
RUN_WITHIN_S = 600


def fault_run(*words, **variables):
    """Make a fault run as a person would; return its status and its report."""
    done = subprocess.run(
        [PAYDESK, "chaos", *words, "--json"],
        env=bare_environment() | pattern() | variables,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, last_object(done.stdout)


def test_forty_kills_lose_and_double_nothing():
    status, report = fault_run("--kills", "40", "--seed", SEED)

    assert report["violations"] == []
    assert report["late"] == []
    assert status == 0
    killed = {name.partition(" ")[0] for name in report["kills"]}
    assert killed == {"web", "worker", "valkey", "postgres"}
    assert sum(report["kills"].values()) >= 38, "a backend may be gone before it is hit"
    assert 1_000 < report["records_acknowledged"] <= report["records_posted"]
    assert report["records_posted"] <= report["records_sent"]
    assert report["batches_taken_on_again"] > 0, "no kill met a worker with batches in hand"
    stood_still = {"postgres still", "valkey still"}
    assert {"worker child", "worker whole"} | stood_still <= report["resumed_s"].keys()


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [("double", "has 2 payments, 2 transfers"), ("lost", "has 0 payments, 0 transfers")],
)
def test_a_fault_built_in_is_found(sabotage, found):
    status, report = fault_run(
        *("--kills", "6", "--targets", "worker", "--seed", SEED),
        DJANGO_SETTINGS_MODULE="tests.chaos.sabotaged",
        PAYDESK_CHAOS_SABOTAGE=sabotage,
    )

    told = [line for line in report["violations"] if line.startswith("I2: ") and found in line]
    assert told, report
    assert status == 1
