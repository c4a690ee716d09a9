"""``./paydesk chaos``: kill the portal's parts under load, then prove that nothing was lost."""

import argparse
import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.stack import environment, health, manage, programs
from config.stack import places as folders
from config.stack.places import CHECKOUT, CannotStart, Places
from config.stack.supervisor import Patience, Supervisor

RUNNER = CHECKOUT / "tests" / "chaos" / "__main__.py"
TARGETS = ("web", "worker", "valkey", "postgres")
KILLS = 40
HEALTHY_WITHIN_S = 60
VISIBILITY_TIMEOUT_S = 10  # short, so that what a killed worker held is soon taken on again
# What is killed all the time has not failed at its start: the pause before it returns stays short.
PATIENCE = Patience(quick_s=1)


def run(words: Sequence[str]) -> int:
    """This function will make one fault run and return its status; 0 if all that it checks holds.

    It runs a portal of its own on a data folder of its own with full durability, whatever servers
    the environment names: these get killed.

    :raises CannotStart: if there are no fault runs here, or the portal does not start.
    """
    if not RUNNER.exists():
        raise CannotStart("This version has no fault runs (tests/chaos).")
    parser().parse_args(words)
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    folder = Path(tempfile.mkdtemp(prefix="paydesk-chaos-"))
    folder.chmod(0o711)  # PostgreSQL's account may be another
    places = folders.locate(data_dir=str(folder / "data"))
    try:
        return asyncio.run(_run(places, words))
    finally:
        if places.data.exists():
            folders.empty(places)
        shutil.rmtree(folder, ignore_errors=True)


def parser() -> argparse.ArgumentParser:
    """This function will return the parser of the words that ``chaos`` takes."""
    made = argparse.ArgumentParser(
        prog="./paydesk chaos",
        description="Kill parts of a portal of its own while readers upload, then check the books "
        "against each reader's own log. The status is 1 when anything was lost or doubled.",
    )
    made.add_argument("--kills", type=int, default=KILLS, help="how many processes to kill")
    made.add_argument("--seed", type=int, default=1, help="the order of kills follows from it")
    made.add_argument(
        "--targets",
        type=_targets,
        default=TARGETS,
        metavar="NAME,…",
        help=f"of {', '.join(TARGETS)} (all)",
    )
    made.add_argument("--readers", type=int, default=6, help="how many upload at once")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    made.add_argument("--keep", metavar="D", help="copy the readers' logs and ours to this folder")
    return made


def _targets(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(TARGETS):
        raise argparse.ArgumentTypeError(f"{text!r}: the targets are {', '.join(TARGETS)}")
    return names


async def _run(places: Places, words: Sequence[str]) -> int:
    folders.create(places)
    port = _free_port()
    addresses = environment.addresses(port=port, rns_port=port + 2, ttl={})
    variables = {
        "PAYDESK_VISIBILITY_TIMEOUT_S": str(VISIBILITY_TIMEOUT_S),
        "PAYDESK_PARTS": ",".join(programs.PARTS),
        **environment.base(places),
        **addresses,
    }
    async with Supervisor(say=_say, patience=PATIENCE) as supervisor:
        await _start(supervisor, places, variables, port)
        argv = (sys.executable, "-m", "tests.chaos", *words)
        return await manage.command(argv, variables)


async def _start(
    supervisor: Supervisor, places: Places, variables: Mapping[str, str], port: int
) -> None:
    for server in environment.embedded_servers(places):
        await supervisor.start(server)
    migrate = programs.step("migrate", "migrate", places=places, environment=variables)
    await supervisor.run_once(migrate)
    for program in programs.table(places=places, environment=variables, port=port, simulate=False):
        await supervisor.start(program)
    state = await health.wait_until_ok(port=port, timeout_s=HEALTHY_WITHIN_S)
    if not state.ok:
        raise CannotStart(f"The portal does not serve: {dict(state.unhealthy)}")


def _free_port() -> int:
    """A port whose next is free as well; the system hands each out once in a long while."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
