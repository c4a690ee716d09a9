"""``./paydesk relay …``: hands over to the relay's own program, which needs no other part."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

PROGRAM = "merchants.devices.relay_process"


def run(words: Sequence[str]) -> NoReturn:
    """This function will become the relay: signals and the exit status are its own."""
    os.execv(sys.executable, (sys.executable, "-P", "-m", PROGRAM, *words))  # noqa: S606  no shell
