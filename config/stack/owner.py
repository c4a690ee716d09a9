"""Who holds an installation's servers: one ``up``, or the first of several short commands.

Three kernel locks, which no crash can leave behind. ``owner.lock``: held by the command that runs
the servers. ``users.lock``: shared by those that borrow them, so that a short-lived owner waits for
its guests. ``running.json`` is what the owner tells the others.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.stack import places as folders
from config.stack.places import CannotStart, Places

LOCK_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Running:
    """The owner's word about itself."""

    pid: int
    command: str
    url: str
    environment: Mapping[str, str]


def running(places: Places) -> Running | None:
    """This function will read who owns the servers now, if anybody does."""
    if not (places.data / "owner.lock").exists():
        return None
    with (places.data / "owner.lock").open("ab") as lock:
        if _take(lock, fcntl.LOCK_SH):
            return None
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Running(**json.loads((places.data / "running.json").read_text()))
    return Running(pid=0, command="another command", url="", environment={})


@contextlib.contextmanager
def own(
    places: Places, *, command: str, url: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[bool]:
    """This function will try to become the owner, and yield whether it did, without waiting.

    :param environment: what a command that joins needs to see the same portal; no secret.
    :raises CannotStart: if the data folder cannot be used.
    """
    folders.create(places)
    path = places.data / "running.json"
    with (places.data / "owner.lock").open("ab") as lock:
        if not _take_against_readers(lock):
            yield False
            return
        told = {
            "pid": os.getpid(),
            "command": command,
            "url": url,
            "environment": dict(environment or {}),
        }
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(told, file)
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def guest(places: Places) -> Iterator[None]:
    """This function will hold the servers open for as long as a borrowing command runs."""
    folders.create(places)
    with _users_lock(places) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextlib.asynccontextmanager
async def guests_gone(places: Places) -> AsyncIterator[None]:
    """This function will wait until no command borrows the servers, and let none in meanwhile."""
    with _users_lock(places) as lock:
        while not _take(lock, fcntl.LOCK_EX):  # noqa: ASYNC110  other processes hold it
            await asyncio.sleep(LOCK_POLL_S)
        yield


def wait_for_release(places: Places, *, timeout_s: float) -> None:
    """This function will wait until a short command gives the servers back.

    :raises CannotStart: if it still holds them after ``timeout_s`` seconds.
    """
    patience = time.monotonic() + timeout_s
    while (owner := running(places)) is not None:
        if time.monotonic() > patience:
            raise CannotStart(f"{owner.command} (process {owner.pid}) still uses {places.data}.")
        time.sleep(LOCK_POLL_S)


def _users_lock(places: Places) -> IO[bytes]:
    return Path(places.data / "users.lock").open("ab")


def _take_against_readers(lock: IO[bytes]) -> bool:
    """Try three times, for :func:`running` holds the lock for an instant when it looks."""
    for _ in range(2):
        if _take(lock, fcntl.LOCK_EX):
            return True
        time.sleep(LOCK_POLL_S / 2)
    return _take(lock, fcntl.LOCK_EX)


def _take(lock: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
