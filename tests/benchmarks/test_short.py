"""Every benchmark runs and finds its own results right; at these sizes no ratio is judged."""

import json
import subprocess
import sys

import pytest

from config.stack.parts import find_chromium
from config.stack.places import CHECKOUT
from tests.benchmarks import books


def short(*words):
    """Run the benchmarks at their small sizes, and return what they told."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *words, "--short"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_benchmark_runs_and_checks_itself():
    results = json.loads(short("--json"))["results"]
    watched = {"F3", "F3P"} if find_chromium() else set()
    assert {"A1", "A3", "A5", "A6", "B2", "B4", "E3"} | watched <= {each["id"] for each in results}
    for each in results:
        assert each["low"] <= each["ratio"] <= each["high"]
        assert each["rows_checked"] > 0
        assert each["passed"] is None


def test_the_curve_of_approvals_checks_itself():
    told = short("curves", "--only", "approvals")
    assert "| clients |" in told
    assert told.endswith("nothing wrong\n")


@pytest.mark.django_db
def test_rows_that_are_missing_or_too_many_are_faults():
    before = books.counts()

    assert books.not_grown(before, records=0, batches=0) == []
    assert books.not_grown(before, records=2, batches=1) == [
        f"{name}: 0 new rows, not {3 if name == 'events' else 2}"
        for name in before
        if name != "exceptions"  # of good sales none is wanted
    ]
