"""``./paydesk fuzz``: one decoder, as many inputs as one wishes; it needs no servers."""

import subprocess
import sys
from collections.abc import Sequence

from config.stack.places import CHECKOUT, CannotStart

RUNNER = CHECKOUT / "tests" / "fuzz" / "__main__.py"


def run(words: Sequence[str]) -> int:
    """This function will run the fuzz target that ``words`` name and return its status.

    :raises CannotStart: if this version has none.
    """
    if not RUNNER.exists():
        raise CannotStart("This version has no fuzz targets (tests/fuzz).")
    argv = [sys.executable, "-m", "tests.fuzz", *words]
    return subprocess.run(argv, cwd=CHECKOUT, check=False).returncode  # noqa: S603 (our own module)
