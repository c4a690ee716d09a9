"""A broken worker ends even where its orderly stop never does; others take their time."""

import subprocess
import sys

import pytest

from config.stack.places import CHECKOUT

WAITS_FOR_EVER = """
import time, types
from config import celery
celery._BROKEN_ENDS_WITHIN_S = 0.2
assert celery.EndsWhenBroken in celery.app.steps["worker"]
celery.EndsWhenBroken(None).close(types.SimpleNamespace(exitcode={exitcode}))
time.sleep(3)
"""


@pytest.mark.parametrize(("exitcode", "status"), [(1, 1), (0, 0), (None, 0)])
def test_a_broken_worker_ends(exitcode, status):
    done = subprocess.run(
        [sys.executable, "-c", WAITS_FOR_EVER.format(exitcode=exitcode)], cwd=CHECKOUT, check=False
    )

    assert done.returncode == status
