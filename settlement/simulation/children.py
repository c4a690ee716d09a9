"""The conductor's end of the pipe: device processes, and orders given to them."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

from django.conf import settings

_ANSWER_WITHIN_S: Final = 120
_END_WITHIN_S: Final = 6

type Answer = dict[str, Any]


class ChildLost(Exception):
    """A device process ended, or fell silent, while an order waited for its answer."""


class Party(Protocol):
    """A device, or several, that carries out orders."""

    name: str

    def ask(self, op: str, **words: Any) -> Answer:
        """Give an order and return its answer."""

    def dismiss(self) -> None:
        """Let it end."""

    def wait(self) -> None:
        """Wait until it has ended."""


class Child:
    """One device process. Orders may be given from several threads at once."""

    def __init__(self, *, module: str, folder: Path, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._numbers = count()
        self._waiting: dict[int, Future[Answer]] = {}
        self._ended = False
        self._process = subprocess.Popen(  # noqa: S603  (this interpreter, a module of ours)
            [sys.executable, "-P", "-m", module, str(folder), name, settings.ORIGIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=settings.BASE_DIR,
            env={**os.environ, "PYTHONPATH": str(settings.BASE_DIR)},
        )
        self._reader = threading.Thread(target=self._listen, name=f"hear-{name}", daemon=True)
        self._reader.start()

    def ask(self, op: str, **words: Any) -> Answer:
        """Give an order and return its answer; one the portal refused has an ``error``.

        :raises ChildLost: the process is gone
        """
        answer: Future[Answer] = Future()
        with self._lock:
            if self._ended:
                raise ChildLost(self.name)
            number = next(self._numbers)
            self._waiting[number] = answer
            self._write({"number": number, "op": op, "words": words})
        try:
            return answer.result(timeout=_ANSWER_WITHIN_S)
        except TimeoutError as silent:
            raise ChildLost(f"{self.name} does not answer {op}") from silent

    def dismiss(self) -> None:
        """Close the pipe: the process ends what it is at, then itself."""
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError):
            self._process.stdin.close()

    def wait(self) -> None:
        """Wait for the end of a dismissed process; kill one that does not end."""
        try:
            self._process.wait(timeout=_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _write(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except OSError as gone:
            raise ChildLost(self.name) from gone

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self._waiting.pop(told["number"]).set_result(told["answer"])
        with self._lock:
            self._ended = True
            for answer in self._waiting.values():
                answer.set_exception(ChildLost(self.name))
