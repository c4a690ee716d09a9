"""``./paydesk manage …``: a management command beside the running portal, or without it."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence

from config.stack import environment, owner, programs
from config.stack import places as folders
from config.stack.commands import Commands
from config.stack.places import CannotStart, Places
from config.stack.supervisor import Supervisor

SERVERS_WITHIN_S = 60
DEFAULT_PORT = 8000


def run(words: Sequence[str]) -> int:
    """This function will run ``manage.py`` with ``words`` and return its exit status.

    Beside a running ``up`` it uses that portal's servers and addresses. Otherwise it starts the
    servers for as long as the command takes, and shares them with others like it.

    :raises CannotStart: if the servers do not start.
    """
    places = folders.locate()
    addresses = environment.addresses(port=DEFAULT_PORT, rns_port=DEFAULT_PORT + 2, ttl={})
    addresses |= environment.echo(places, port=DEFAULT_PORT)
    while True:
        with owner.own(places, command="a manage command", environment=addresses) as ours:
            if ours:
                return asyncio.run(_serve(places, words, environment.base(places) | addresses))
        with owner.guest(places):  # waits for an owner that is just stopping its servers
            held = owner.running(places)
            if held is not None:
                return asyncio.run(_borrow(places, words, held))


async def _serve(places: Places, words: Sequence[str], variables: Mapping[str, str]) -> int:
    async with Supervisor(say=_say) as supervisor:
        for server in environment.embedded_servers(places):
            await supervisor.start(server)
        status = await command((programs.PYTHON, programs.MANAGE, *words), variables)
        async with owner.guests_gone(places):
            await supervisor.stop()
        return status


async def _borrow(places: Places, words: Sequence[str], held: owner.Running) -> int:
    deadline = time.monotonic() + SERVERS_WITHIN_S
    while not environment.servers_answer(places):
        if time.monotonic() > deadline:
            raise CannotStart(f"The servers of {held.command} (process {held.pid}) do not answer.")
        await asyncio.sleep(0.05)
    variables = {**environment.base(places), **held.environment}
    return await command((programs.PYTHON, programs.MANAGE, *words), variables)


async def command(argv: Sequence[str], variables: Mapping[str, str]) -> int:
    """This function will run a program at this terminal and return its exit status.

    Ctrl-C reaches the program itself; a SIGTERM to us is handed on.
    """
    return await Commands().run(argv, variables)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
