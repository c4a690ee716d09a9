"""``./paydesk bench``: the benchmarks, on servers of their own with full durability."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config.stack import environment, manage
from config.stack import places as folders
from config.stack.places import CHECKOUT, CannotStart, Places
from config.stack.supervisor import Supervisor

RUNNER = CHECKOUT / "tests" / "benchmarks" / "__main__.py"


def run(words: Sequence[str]) -> int:
    """This function will run the benchmarks named by ``words``, or all, and return their status.

    :raises CannotStart: if there are none, or the servers do not start.
    """
    if not RUNNER.exists():
        raise CannotStart("This version has no benchmarks (tests/benchmarks).")
    folder = Path(tempfile.mkdtemp(prefix="paydesk-bench-"))
    folder.chmod(0o711)
    try:
        return asyncio.run(_measure(folders.locate(data_dir=str(folder / "data")), words))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(places: Places, words: Sequence[str]) -> int:
    folders.create(places)
    async with Supervisor(say=_say) as supervisor:
        for server in environment.embedded_servers(places):
            await supervisor.start(server)
        argv = (sys.executable, "-m", "tests.benchmarks", *words)
        return await manage.command(argv, environment.base(places))


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
