"""``./paydesk relay``: a relay as a process of its own, without a database (protocol section 4.1).

Bills are in its memory alone. ``--state`` keeps its key and its id, so that it need not enrol again
after a restart; it starts empty all the same.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from config.wire import b64, durable
from config.wire.client import PortalRefused, PortalSession, PortalUnreachable, enrol
from config.wire.errors import WireError
from config.wire.keys import SigningKey, kid_of
from merchants.devices.relay import SLOTS, Relay
from merchants.devices.relay_desk import Desk, Pairing, fetch_terminals, problem
from merchants.devices.relay_http import Door

SLOTS_MAX: Final = 1000  # a bill is at most 4 KiB
_PORTAL_WITHIN_S: Final = 3.0
_DEVICE: Final = "device"
_KEY: Final = "key"


class CannotServe(Exception):
    """What stands in the way, in words for the person at the keyboard."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The relay's device id and key: all that is ever kept of it."""

    device: str
    key: SigningKey


def main(words: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM and return the exit status."""
    options = _parser().parse_args(words)
    try:
        return asyncio.run(_serve(options))
    except CannotServe as reason:
        sys.stderr.write(f"paydesk relay: {reason}\n")
        return 1


async def _serve(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with httpx.Client(timeout=_PORTAL_WITHIN_S) as http:
        identity = _identity(options, http=http)
        session = _session(options.portal, http=http, key=identity.key, keyid=identity.device)
        relay = Relay(device=identity.device, slots=options.slots)
        pairing = Pairing(relay=relay, fetch=lambda: fetch_terminals(session))
        desk = Desk(relay=relay, pairing=pairing, clock=session.now, origin=options.portal)
        server = await _open(Door(handle=desk.answer, refuse=problem), options)
        host, port = server.sockets[0].getsockname()[:2]
        say(f"Relay {identity.device} serves http://{host}:{port}/ for {options.portal}")
        keeping = asyncio.create_task(pairing.keep(note=say))
        await stop.wait()
        keeping.cancel()
        server.close()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
    say("Stopped.")
    return 0


async def _open(door: Door, options: argparse.Namespace) -> asyncio.Server:
    try:
        return await door.open(host=options.host, port=options.port)
    except OSError as taken:
        raise CannotServe(
            f"{options.host} port {options.port} cannot be listened on: {taken.strerror}."
        ) from taken


def _identity(options: argparse.Namespace, *, http: httpx.Client) -> Identity:
    """Return who this relay is: as its file tells, or newly enrolled."""
    kept = _read(options.state) if options.state else None
    if kept is not None:
        return kept
    if not options.code:
        raise CannotServe("There is no key yet: give a one-time code with --code.")
    key = SigningKey.generate()
    session = _session(options.portal, http=http, key=key, keyid=b64.encode(kid_of(key.public)))
    try:
        told = enrol(
            session=session,
            code=options.code,
            kind="RELAY",
            name=options.name,
            public_key=key.public,
        )
    except (PortalRefused, PortalUnreachable) as refused:
        raise CannotServe(f"{options.portal} does not enrol this relay: {refused}.") from refused
    identity = Identity(device=str(told[_DEVICE]), key=key)
    if options.state:
        _keep(options.state, identity)
    return identity


def _read(path: Path) -> Identity | None:
    try:
        state = durable.read(path=path)
        if state is None:
            return None
        return Identity(device=state[_DEVICE], key=SigningKey.from_pem(state[_KEY].encode()))
    except (OSError, LookupError, ValueError, WireError) as wrong:
        raise CannotServe(f"{path} does not hold a relay's key.") from wrong


def _keep(path: Path, identity: Identity) -> None:
    state = {_DEVICE: identity.device, _KEY: identity.key.to_pem().decode()}
    try:
        durable.write(path=path, state=state)
    except OSError as wrong:
        raise CannotServe(f"{path} cannot be written: {wrong.strerror}.") from wrong


def _session(portal: str, *, http: httpx.Client, key: SigningKey, keyid: str) -> PortalSession:
    return PortalSession(
        http=http,
        origin=portal,
        key=key,
        keyid=keyid,
        clock=time.time,
        random_bytes=os.urandom,
        sleep=time.sleep,
        attempts=2,
    )


def say(line: str) -> None:
    """Tell the person at the terminal, or the log."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./paydesk relay",
        description="Hold bills for customers' phones, in memory alone; Ctrl-C stops and forgets.",
        epilog="A code comes from: ./paydesk manage enrolment_code --kind RELAY --merchant M. "
        "Terminals are paired by: ./paydesk manage relay_pair --relay DEVICE --terminal DEVICE.",
    )
    parser.add_argument("--portal", type=_origin, required=True, metavar="URL")
    parser.add_argument("--code", metavar="ENROLMENT", help="one-time code, for the first start")
    parser.add_argument("--port", type=_number(0, 65_535), required=True, help="0: any free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    parser.add_argument(
        "--slots", type=_number(1, SLOTS_MAX), default=SLOTS, help=f"bills at a time ({SLOTS})"
    )
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="keeps key and id over a restart, no bill"
    )
    parser.add_argument("--name", default="Relay", help="what the portal calls it")
    return parser


def _origin(text: str) -> str:
    url = httpx.URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as http://127.0.0.1:8000")
    return text.rstrip("/")


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
