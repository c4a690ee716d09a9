"""One child process: how it is started, when it is ready, how it ends."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.stack.identity import Identity
from config.stack.places import CHECKOUT

PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _nothing() -> None:
    return


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program of the stack. ``before`` runs ahead of every start, ``ready`` tells when it serves.

    A *server* is started before, and stopped after, all others, and they wait for it when it comes
    back. The stack ends when an *essential* program is given up.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = CHECKOUT
    identity: Identity = Identity.OURSELVES
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10
    server: bool = False
    essential: bool = False
    before: Callable[[], None] = _nothing
    ready: Callable[[], bool] | None = None


async def spawn(program: Program) -> asyncio.subprocess.Process:
    """This function will start the program in a session of its own, its output added to its log."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
            preexec_fn=birth(who=program.identity, parting_signal=program.stop_signal),
        )


def birth(
    *, parting_signal: signal.Signals, who: Identity = Identity.OURSELVES
) -> Callable[[], None]:
    """This function will make the steps between fork and exec: assume the identity, die with us.

    Linux then sends ``parting_signal`` even when the parent is killed with SIGKILL. A change of
    identity clears that wish (prctl(2), PR_SET_PDEATHSIG), so it is made last.
    """
    parent = os.getpid()

    def between_fork_and_exec() -> None:
        who.assume()
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, int(parting_signal))
            if os.getppid() != parent:
                os._exit(1)

    return between_fork_and_exec


def end_group(process: asyncio.subprocess.Process) -> None:
    """This function will kill what the dead ``process`` left in its group: no port stays taken."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def in_words(returncode: int) -> str:
    """This function will say how a process ended."""
    if returncode < 0:
        return f"was killed by {signal.Signals(-returncode).name}"
    return f"ended with status {returncode}"


def last_lines(log: Path, *, count: int = 12) -> str:
    """This function will read the last ``count`` lines of a log, indented for the terminal."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        lines = file.read().decode(errors="replace").splitlines()[-count:]
    return "\n".join(f"    {line}" for line in lines)


def wind(log: Path, *, bytes_max: int = 10_000_000) -> None:
    """This function will set a long log aside as ``<name>.log.1`` before a new run adds to it."""
    if log.exists() and log.stat().st_size > bytes_max:
        log.replace(log.with_name(log.name + ".1"))
