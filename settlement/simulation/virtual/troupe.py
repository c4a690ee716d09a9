"""The troupe in one process: the same phones and readers, asked directly."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from settlement.simulation.children import Answer
from settlement.simulation.device import State, World
from settlement.simulation.orders import Order, answered
from settlement.simulation.phones import Pockets
from settlement.simulation.reader import SimulatedReader
from settlement.simulation.sabotage import Unsound
from settlement.simulation.troupe import Troupe


class MemoryDisk:
    """Device states as JSON text: what is read back was really written, and nothing more."""

    def __init__(self) -> None:
        self._files: dict[Path, str] = {}

    def read(self, *, path: Path) -> State | None:
        """Return what was written last."""
        text = self._files.get(path)
        return None if text is None else json.loads(text)

    def write(self, *, path: Path, state: Mapping[str, Any]) -> None:
        """Replace what was written before."""
        self._files[path] = json.dumps(state, separators=(",", ":"))


def world(
    *, clock: Callable[[], float], sleep: Callable[[float], None], unsound: Unsound | None
) -> World:
    """Return a world whose portal is this process's own, over WSGI."""
    portal = WSGIHandler()
    return World(
        origin=settings.ORIGIN,
        transport=lambda: httpx.WSGITransport(app=portal),
        clock=clock,
        sleep=sleep,
        disk=MemoryDisk(),
        thread_ended=connections.close_all,
        unsound=unsound,
    )


class Neighbour:
    """A device of this process, asked as a child process would be."""

    def __init__(self, *, name: str, orders: Mapping[str, Order]) -> None:
        self.name = name
        self._orders = orders

    def ask(self, op: str, **words: Any) -> Answer:
        """Give an order and return its answer."""
        return answered(self._orders[op], words)

    def dismiss(self) -> None:
        """End nothing: there is no process."""

    def wait(self) -> None:
        """Wait for nothing."""


class LocalTroupe(Troupe):
    """Every device of one simulation, one order after the other; leaving the block ends them."""

    def __init__(self, *, folder: Path, readers: int, world: World) -> None:
        self.pockets = Pockets(folder=folder, name="phones", world=world)
        self.phones = Neighbour(name="phones", orders=self.pockets.orders())
        self._tills = [
            SimulatedReader(folder=folder, name=f"reader-{number}", world=world)
            for number in range(readers)
        ]
        self.readers = [
            Neighbour(name=f"reader-{number}", orders=till.orders())
            for number, till in enumerate(self._tills)
        ]

    def __exit__(self, *_failure: object) -> None:
        for till in self._tills:
            till.close()

    def together(self, *orders: Callable[[], Any]) -> list[Any]:
        """Carry out orders in turn: one seed, one order of things."""
        return [order() for order in orders]
