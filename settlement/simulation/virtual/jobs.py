"""Seeds played side by side: each job a process of its own, with databases of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from config.refusals import Refused


class JobFailed(Refused):
    code = "job_failed"
    status = 500
    title = "A job of the simulation ended without an answer"


def play(*, first: int, jobs: int, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Play ``options["seeds"]`` seeds from ``first`` on in ``jobs`` processes; return their runs.

    :raises JobFailed: a process gave no answer
    """
    shares = _shares(first, options["seeds"], jobs)
    started = [_start(seed, count, options) for seed, count in shares]
    answers = [job.communicate()[0] for job in started]
    return [run for answer in answers for run in _runs(answer)]


def _shares(first: int, seeds: int, jobs: int) -> list[tuple[int, int]]:
    """Return each job's first seed and how many it has."""
    each, more = divmod(seeds, jobs)
    counts = [each + (job < more) for job in range(jobs)]
    return [(first + sum(counts[:job]), count) for job, count in enumerate(counts)]


def _start(seed: int, count: int, options: Mapping[str, Any]) -> subprocess.Popen[str]:
    words = ["--seed", str(seed), "--seeds", str(count), "--jobs", "1", "--json"]
    for name in ("events", "faults", "keep", "unsound"):
        if options[name]:
            words += [f"--{name}", str(options[name])]
    return subprocess.Popen(  # noqa: S603  (this interpreter, a command of ours)
        [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "simulate", *words],
        stdout=subprocess.PIPE,
        text=True,
    )


def _runs(answer: str) -> list[dict[str, Any]]:
    try:
        runs: list[dict[str, Any]] = json.loads(answer)["runs"]
    except (ValueError, KeyError) as wrong:
        raise JobFailed(answer[:200]) from wrong
    return runs
