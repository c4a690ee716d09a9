"""The parent of all programs: starts them in order, brings back what dies, stops them all."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from config.stack.places import CannotStart
from config.stack.program import Program, end_group, in_words, last_lines, spawn, wind

READY_POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a program may die at once, and how long the pause before the next try grows."""

    quick_s: float = 30
    quick_deaths_max: int = 5
    pause_first_s: float = 0.5
    pause_max_s: float = 8
    ready_within_s: float = 60

    def pause_s(self, quick_deaths: int) -> float:
        """This function will double the pause with every quick death, up to the longest."""
        return float(min(self.pause_max_s, self.pause_first_s * 2 ** max(0, quick_deaths - 1)))


@dataclass(kw_only=True)
class _Kept:
    """A program that is being kept alive."""

    program: Program
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    deaths: int = 0
    given_up: str = ""


class Supervisor:
    """Use as ``async with``: on leaving, however that happens, every child has been stopped."""

    def __init__(self, *, say: Callable[[str], None], patience: Patience | None = None) -> None:
        self._say = say
        self._patience = patience or Patience()
        self._kept: list[_Kept] = []
        self._stopping = False
        self.failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> "Supervisor":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, program: Program) -> None:
        """This function will start the program, keep it alive, and return once it is ready.

        :raises CannotStart: if it is given up, or not ready in time.
        """
        wind(program.log)
        kept = _Kept(program=program)
        self._kept.append(kept)
        kept.keeper = asyncio.create_task(self._keep(kept))
        ready = asyncio.create_task(kept.ready.wait())
        await asyncio.wait(
            {kept.keeper, ready},
            timeout=self._patience.ready_within_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        ready.cancel()
        if kept.given_up:
            raise CannotStart(kept.given_up)
        if not kept.ready.is_set():
            told = last_lines(program.log)
            raise CannotStart(f"{program.name} was not ready in time.\n{told}".rstrip())

    async def run_once(self, program: Program) -> None:
        """This function will run the program to its end, for steps such as a migration.

        :raises CannotStart: if it does not end with status 0; the last lines of its log are told.
        """
        wind(program.log)
        process = await spawn(program)
        try:
            returncode = await process.wait()
        except asyncio.CancelledError:
            await _stop_process(process, program)
            raise
        if returncode != 0:
            told = last_lines(program.log)
            raise CannotStart(f"{program.name} {in_words(returncode)}:\n{told}")

    def given_up(self) -> dict[str, str]:
        """This function will name the programs that are no longer tried, with the reason."""
        return {kept.program.name: kept.given_up for kept in self._kept if kept.given_up}

    async def _keep(self, kept: _Kept) -> None:
        name, patience, quick_deaths = kept.program.name, self._patience, 0
        while not self._stopping:
            began = time.monotonic()
            try:
                end = in_words(await self._live_once(kept))
            except (CannotStart, OSError) as error:
                self._give_up(kept, f"{name} cannot be started. {error}")
                return
            if self._stopping:
                return  # type: ignore[unreachable]  # another task sets it
            lived_s, kept.deaths = time.monotonic() - began, kept.deaths + 1
            quick_deaths = quick_deaths + 1 if lived_s < patience.quick_s else 1
            if quick_deaths >= patience.quick_deaths_max:
                self._give_up(kept, f"{name} {end}, {quick_deaths} times in a row.")
                return
            pause_s = patience.pause_s(quick_deaths)
            self._say(
                f"{name} {end} after {lived_s:.0f} s; starting it again in {pause_s:.1f} s "
                f"(log: {kept.program.log})."
            )
            await asyncio.sleep(pause_s)
            await self._servers_ready(kept)

    async def _live_once(self, kept: _Kept) -> int:
        kept.program.before()
        process = kept.process = await spawn(kept.program)
        watching = asyncio.create_task(self._watch_for_ready(kept, process))
        try:
            return await process.wait()
        finally:
            watching.cancel()
            kept.ready.clear()
            end_group(process)

    async def _watch_for_ready(self, kept: _Kept, process: asyncio.subprocess.Process) -> None:
        is_ready = kept.program.ready
        while is_ready is not None and not is_ready():  # noqa: ASYNC110  in another process
            await asyncio.sleep(READY_POLL_S)
        if process.returncode is None:
            kept.ready.set()
            if kept.deaths:
                self._say(f"{kept.program.name} runs again.")

    async def _servers_ready(self, waiting: _Kept) -> None:
        """A program that fell with its server waits for it, or its own deaths would be counted."""
        if waiting.program.server:
            return
        for kept in self._kept:
            if kept.program.server and not kept.given_up:
                await kept.ready.wait()

    def _give_up(self, kept: _Kept, reason: str) -> None:
        kept.given_up = reason
        told = last_lines(kept.program.log)
        self._say(f"Giving up: {reason} The last lines of {kept.program.log}:\n{told}")
        if kept.program.essential and not self.failure.done():
            self.failure.set_result(reason)

    async def stop(self) -> None:
        """This function will stop all children, the last started first, the servers last."""
        self._stopping = True
        others = [kept for kept in self._kept if not kept.program.server]
        servers = [kept for kept in self._kept if kept.program.server]
        await asyncio.gather(*(self._stop_one(kept) for kept in reversed(others)))
        for kept in reversed(servers):
            await self._stop_one(kept)

    async def _stop_one(self, kept: _Kept) -> None:
        process, keeper = kept.process, kept.keeper
        if process is not None:
            await _stop_process(process, kept.program)
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper


async def _stop_process(process: asyncio.subprocess.Process, program: Program) -> None:
    """Ask, wait, then kill: the group goes too, so that no worker of a worker stays behind."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(program.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), timeout=program.stop_within_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
    end_group(process)
