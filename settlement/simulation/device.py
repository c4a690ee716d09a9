"""What simulated phones and readers have in common: the world around them, a lock, a disk."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from config.wire import b64, durable
from config.wire.client import PortalSession
from config.wire.keys import SigningKey
from settlement.simulation.network import Network, client, released
from settlement.simulation.sabotage import Unsound

DAY_S: Final = 24 * 60 * 60

type State = dict[str, Any]


class Disk(Protocol):
    """Where device states outlive their processes; as ``config.wire.durable``."""

    def read(self, *, path: Path) -> State | None:
        """Return what was written last, None for nothing yet."""

    def write(self, *, path: Path, state: Mapping[str, Any]) -> None:
        """Replace what was written before, as a whole."""


class _RealDisk:
    def read(self, *, path: Path) -> State | None:
        return durable.read(path=path)

    def write(self, *, path: Path, state: Mapping[str, Any]) -> None:
        durable.write(path=path, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a device finds around itself: the real one, or one in which time is virtual.

    ``clock`` gives epoch seconds; ``sleep`` lets that many of them pass; a device's own thread
    calls ``thread_ended`` last.
    """

    origin: str
    transport: Callable[[], httpx.BaseTransport] = httpx.HTTPTransport
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    disk: Disk = field(default_factory=_RealDisk)
    thread_ended: Callable[[], None] = lambda: None
    unsound: Unsound | None = None


class Cut(StrEnum):
    """When the power fails: before the state reaches the disk, or after, with nothing told yet."""

    BEFORE = "before"
    AFTER = "after"


class PowerCut(Exception):
    """The device is off; all that it did not write is gone."""


class Storage:
    """One device's file, and the power cut that waits for the next time it is written."""

    def __init__(self, *, world: World, path: Path) -> None:
        self._world = world
        self.path = path
        self.cut: Cut | None = None

    def read(self) -> State | None:
        """Return the state last written."""
        return self._world.disk.read(path=self.path)

    def write(self, state: Mapping[str, Any]) -> None:
        """Write the state.

        :raises PowerCut: the power failed just before or after
        """
        cut, self.cut = self.cut, None
        if cut is Cut.BEFORE:
            raise PowerCut
        self._world.disk.write(path=self.path, state=state)
        if cut is Cut.AFTER:
            raise PowerCut

    def keep_copy(self) -> None:
        """Put a copy of the state aside, as a backup does."""
        state = self.read()
        assert state is not None, "an enrolled device has written its state"
        self._world.disk.write(path=self._copy, state=state)

    def copy(self) -> State | None:
        """Return the copy put aside last."""
        return self._world.disk.read(path=self._copy)

    @property
    def _copy(self) -> Path:
        return self.path.with_name(self.path.name + ".copy")


class Connection:
    """A device's network and clock, and the lock that its state is touched under."""

    def __init__(self, *, world: World) -> None:
        self._world = world
        self.skew_s = 0  # how far the device's clock is ahead of the true time
        self.lock = threading.Lock()
        self.network = Network(lock=self.lock, inner=world.transport())
        self._http = client(self.network)

    def session(
        self, *, key: SigningKey, keyid: str | None = None, attempts: int = 4
    ) -> PortalSession:
        """Return signed requests under ``keyid``, before enrolment under the key's own id."""
        return PortalSession(
            http=self._http,
            origin=self._world.origin,
            key=key,
            keyid=keyid or b64.encode(key.kid),
            clock=lambda: self._world.clock() + self.skew_s,
            random_bytes=secrets.token_bytes,
            sleep=self.sleep,
            attempts=attempts,
        )

    def sleep(self, seconds: float) -> None:
        """Wait with the lock let go; a device that knows it has no network does not wait at all."""
        if not self.network.away:
            with released(self.lock):
                self._world.sleep(seconds)
