"""Coverage-guided fuzzing of what decodes batches, lists, datagrams: no crash, nothing slow."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86_64 alone")

RUNS = int(os.environ.get("PAYDESK_FUZZ_RUNS", "200000"))
# Another path through the inputs each day; a failure names the seed.
SEED = int(os.environ.get("PAYDESK_FUZZ_SEED", datetime.now(UTC).strftime("%Y%m%d")))


def fuzz(target, *words, tmp_path, sabotage=""):
    """Run one target in a process of its own, as atheris ends the process it runs in."""
    argv = [sys.executable, "-m", "tests.fuzz", target, "--seed", str(SEED), *words]
    return subprocess.run(
        [*argv, "--artifacts", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PAYDESK_FUZZ_SABOTAGE": sabotage},
    )


@pytest.mark.parametrize("target", ["batches", "uploads", "lists", "datagrams"])
def test_no_input_crashes_or_slows_a_decoder(target, tmp_path):
    run = fuzz(target, "--runs", str(RUNS), tmp_path=tmp_path)
    assert run.returncode == 0, (SEED, run.stderr[-3000:])
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["inputs"] == RUNS
    assert told["accepted"] > RUNS // 1000, "the mutator no longer gets past the form"
    assert told["peak_mb"] < 300


def test_a_datagram_decoder_that_breaks_is_found(tmp_path):
    run = fuzz("datagrams", "--runs", "50000", tmp_path=tmp_path, sabotage="datagram")
    assert run.returncode != 0
    assert "ZeroDivisionError" in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [("crash", "ZeroDivisionError"), ("slow", "TooSlow"), ("alter", "Altered")],
)
def test_a_broken_decoder_is_found(sabotage, said, tmp_path):
    run = fuzz("batches", "--runs", "50000", tmp_path=tmp_path, sabotage=sabotage)
    assert run.returncode != 0
    assert said in run.stdout + run.stderr
