"""The command that plays seeds, as a person gives it."""

import json
import os
import subprocess
import sys

from tests.journeys.simulation.conftest import MANAGE, ROOT


def simulate(*words):
    """Run ``simulate`` and return its exit status, what it answered, and what it said."""
    ended = subprocess.run(
        [sys.executable, MANAGE, "simulate", *words, "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PAYDESK_DEMO": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout), ended.stderr
