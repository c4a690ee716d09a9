"""Commands at this terminal, one after the other or side by side, until a person says stop."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from config.stack.program import birth


class Commands:
    """Runs programs, and hands a SIGTERM on to all that run. Make it where the event loop runs.

    Ctrl-C reaches the programs themselves. Either sets ``interrupted``.
    """

    def __init__(self, *, interrupted: asyncio.Event | None = None) -> None:
        self.interrupted = interrupted or asyncio.Event()
        self._running: set[asyncio.subprocess.Process] = set()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.interrupted.set)
        loop.add_signal_handler(signal.SIGTERM, self._hand_on)

    async def run(
        self,
        argv: Sequence[str],
        variables: Mapping[str, str],
        *,
        output: IO[bytes] | None = None,
    ) -> int:
        """This function will run a program and return its exit status.

        :param output: what it says goes there instead of to the terminal.
        """
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(variables),
            stdout=output,
            stderr=output,
            preexec_fn=birth(parting_signal=signal.SIGTERM),
        )
        self._running.add(process)
        try:
            status = await process.wait()
        finally:
            self._running.discard(process)
        return 128 - status if status < 0 else status

    def _hand_on(self) -> None:
        self.interrupted.set()
        for process in self._running:
            with suppress(ProcessLookupError):
                process.terminate()


class Told:
    """What a program says, kept until it can be told without a break."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  closed once it is told

    def tell(self) -> None:
        """This function will write it all to the terminal."""
        with self.file as kept:
            kept.seek(0)
            sys.stdout.write(kept.read().decode(errors="replace"))
        sys.stdout.flush()
