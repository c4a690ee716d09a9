"""``./paydesk up``: the whole portal on this machine, until Ctrl-C."""

import argparse
import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from config.stack import certificate, environment, health, owner, programs
from config.stack import places as folders
from config.stack.places import CannotStart, Places
from config.stack.program import last_lines
from config.stack.supervisor import Supervisor

HEALTHY_WITHIN_S = 60
PORT_FREE_WITHIN_S = 8  # an earlier run that was killed is still closing


def run(words: Sequence[str]) -> int:
    """This function will serve until it is asked to stop, and return the exit status.

    :raises CannotStart: if the data is in use, a port is taken, or a first step fails.
    """
    options = _parser().parse_args(words)
    places = folders.locate()
    addresses = environment.addresses(
        port=options.port, rns_port=options.rns_port or options.port + 2, ttl=dict(options.ttl)
    )
    addresses |= environment.echo(places, port=options.port)
    while True:
        with owner.own(
            places, command="up", url=addresses["PAYDESK_ORIGIN"] + "/", environment=addresses
        ) as ours:
            if ours:
                echo = (options.port + environment.ECHO_OFFSET,) if _is_demo(addresses) else ()
                _ports_free((options.port, options.port + 1, *echo))
                _rns_port_free(int(addresses["PAYDESK_RNS_PORT"]))
                return asyncio.run(_serve(places, options, addresses))
        _refuse_or_wait(places)


def _refuse_or_wait(places: Places) -> None:
    held = owner.running(places)
    if held is not None and held.command == "up":
        raise CannotStart(
            f"Paydesk is already up on {places.data} (process {held.pid}): {held.url}\n"
            "Stop it with Ctrl-C there, or give another --data-dir and --port."
        )
    if held is not None:
        say(f"Waiting for {held.command} (process {held.pid}), which uses the same data.")
        owner.wait_for_release(places, timeout_s=120)


def _ports_free(ports: Sequence[int]) -> None:
    deadline = time.monotonic() + PORT_FREE_WITHIN_S
    for port in ports:
        while not _is_free(port):
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"Port {port} is in use by another program. Paydesk needs two ports in a row "
                    "and, for the demo's receiver, the fourth after them; "
                    f"choose them with ./paydesk up --port {port + 1000 if port < 60000 else 8100}."
                )
            time.sleep(0.2)


def _rns_port_free(port: int) -> None:
    """Another portal's server would share it, and each get half of what is sent to either."""
    deadline = time.monotonic() + PORT_FREE_WITHIN_S
    while not _is_free(port, kind=socket.SOCK_DGRAM):
        if time.monotonic() > deadline:
            raise CannotStart(
                f"UDP port {port} is in use by another program. Choose the one of the result "
                f"notification server with ./paydesk up --rns-port {port + 100}."
            )
        time.sleep(0.2)


def _is_free(port: int, *, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    with socket.socket(type=kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def _serve(places: Places, options: argparse.Namespace, addresses: Mapping[str, str]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Supervisor(say=say) as supervisor:
        start = _start(supervisor, places, options, addresses)
        if await _unless_stopped(start, stop=stop, supervisor=supervisor):
            await _unless_stopped(stop.wait(), stop=stop, supervisor=supervisor)
        say("Stopping." if stop.is_set() else "Stopping, for the portal cannot serve.")
    say("Stopped.")
    return 1 if supervisor.failure.done() else 0


async def _unless_stopped(
    work: Coroutine[Any, Any, Any], *, stop: asyncio.Event, supervisor: Supervisor
) -> bool:
    """Await the work, but end it when a person or a failure says stop; say whether it finished."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    waited: set[asyncio.Future[Any]] = {working, stopping, supervisor.failure}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        working.result()
        return not stop.is_set()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return False


async def _start(
    supervisor: Supervisor,
    places: Places,
    options: argparse.Namespace,
    addresses: Mapping[str, str],
) -> None:
    began = time.monotonic()
    expected = [*programs.PARTS, *([programs.SIMULATED] if options.simulate else [])]
    parts = {"PAYDESK_PARTS": ",".join(expected)}
    variables = {**parts, **environment.base(places), **addresses}
    if _is_demo(addresses):
        certificate.ready(folder=places.echo, names=certificate.HERE, at=datetime.now(UTC))
    say(f"Paydesk keeps its data in {places.data} and its logs in {places.logs}.")
    for server in environment.embedded_servers(places):
        await supervisor.start(server)
        say(f"{server.name} serves ({time.monotonic() - began:.1f} s).")
    for name, words in _steps(variables):
        await supervisor.run_once(programs.step(name, *words, places=places, environment=variables))
        say(f"{name} done ({time.monotonic() - began:.1f} s).")
    for program in programs.table(
        places=places, environment=variables, port=options.port, simulate=options.simulate
    ):
        await supervisor.start(program)
    state = await health.wait_until_ok(port=options.port, timeout_s=HEALTHY_WITHIN_S)
    _announce(state, supervisor, addresses, took_s=time.monotonic() - began)
    await _announce_sign_in(supervisor, places, variables)


def _is_demo(addresses: Mapping[str, str]) -> bool:
    return "PAYDESK_WEBHOOK_ECHO" in addresses


def _steps(variables: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    steps: list[tuple[str, tuple[str, ...]]] = [("migrate", ("migrate", "--no-input"))]
    if variables["PAYDESK_DEMO"] == "1":
        steps.append(("seed_demo", ("seed_demo",)))
    return steps


def _announce(
    state: health.Health, supervisor: Supervisor, addresses: Mapping[str, str], *, took_s: float
) -> None:
    if state.ok:
        say(f"Every part serves ({took_s:.1f} s).")
    for name, detail in (state.unhealthy | supervisor.given_up()).items():
        say(f"Unhealthy: {name}: {detail or 'no heartbeat'}")
    say("")
    say(f"  Portal   {addresses['PAYDESK_ORIGIN']}/")
    say(f"  Sockets  {addresses['PAYDESK_SOCKETS_ORIGIN']}/ws/")
    say(f"  Results  {addresses['PAYDESK_RNS_HOST']} UDP {addresses['PAYDESK_RNS_PORT']}")
    say(f"  Health   {addresses['PAYDESK_ORIGIN']}/healthz")
    if _is_demo(addresses):
        say(f"  Phone    {addresses['PAYDESK_ORIGIN']}/demo/phone pays as a customer does")
        say(f"  Webhooks {addresses['PAYDESK_WEBHOOK_ECHO']} takes them and shows what came")


async def _announce_sign_in(
    supervisor: Supervisor, places: Places, variables: Mapping[str, str]
) -> None:
    """Print one sign-in link for each role; without them the portal serves all the same."""
    if variables["PAYDESK_DEMO"] != "1":
        return
    words = ("sign_in_links", "--json", "--origin", variables["PAYDESK_ORIGIN"])
    program = programs.step("sign_in_links", *words, places=places, environment=variables)
    program.log.unlink(missing_ok=True)
    try:
        await supervisor.run_once(program)
        links = json.loads(program.log.read_text().splitlines()[-1])["links"]
    except (CannotStart, ValueError, LookupError):
        say(f"No sign-in links could be made:\n{last_lines(program.log, count=4)}")
        return
    finally:
        program.log.unlink(missing_ok=True)  # the links are secrets until they are used
    say("\n  Sign in once, as:")
    for link in links:
        say(f"    {link['role']:<22} {link['url']}")
    say("\nCtrl-C stops everything.")


def say(line: str) -> None:
    """This function will tell the person at the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./paydesk up",
        description="Start the whole portal on this machine; Ctrl-C stops all of it.",
        epilog="--data-dir D, or PAYDESK_DATA_DIR, names another data folder. DATABASE_URL and "
        "REDIS_URL name servers to use instead of the embedded ones.",
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="pages and API; sockets take the next port"
    )
    parser.add_argument(
        "--rns-port", type=int, help="result notification server, UDP (the port after next)"
    )
    parser.add_argument(
        "--no-simulate", dest="simulate", action="store_false", help="no simulated phones and tills"
    )
    parser.add_argument(
        "--ttl",
        type=_lifetime,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=SECONDS",
        help=f"shorten a lifetime for tests: {', '.join(environment.LIFETIMES)}",
    )
    return parser


def _lifetime(text: str) -> tuple[str, int]:
    name, _, seconds = text.partition("=")
    if name.upper() not in environment.LIFETIMES or not seconds.isdecimal() or int(seconds) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=SECONDS with one of {', '.join(environment.LIFETIMES)}"
        )
    return name.upper(), int(seconds)
