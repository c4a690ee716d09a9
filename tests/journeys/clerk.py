"""Management commands beside a running portal, without waiting for each to load the whole of it.

``./paydesk manage`` starts one process, which loads what every command loads and forks for each:
what a command does and answers is what it would by itself, a second and a half sooner.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

SERVING = "from tests.journeys.clerk import serve; serve()"
ENDS_WITHIN_S = 30


class Clerk:
    """One such process, started at the first command."""

    def __init__(self, *, start: Sequence[str], environment: dict[str, str], cwd: Path) -> None:
        self._start = (*start, "manage", "shell", "--no-imports", "--command", SERVING)
        self._environment, self._cwd = environment, cwd
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def run(self, *words: str) -> CompletedProcess[str]:
        """Run a command and return how it ended, as ``subprocess.run`` does."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(words) + "\n")
            process.stdin.flush()
            told = process.stdout.readline()
        assert told, f"the process that runs commands has ended: {process.poll()}"
        return CompletedProcess(words, **json.loads(told))

    def close(self) -> None:
        """Let the process end; the portal waits for it when it stops."""
        if self._process is not None:
            self._process.communicate(timeout=ENDS_WITHIN_S)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._start,
                env=self._environment,
                cwd=self._cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process


def serve() -> None:
    """Run the commands that standard input names, a JSON list a line, until it ends."""
    from django.urls import get_resolver

    assert get_resolver().url_patterns, "most of what a command loads"
    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = os.fork()
            if pid == 0:
                _become(json.loads(line), out.fileno(), err.fileno())
            _pid, status = os.waitpid(pid, 0)
            texts = {"stdout": _text(out), "stderr": _text(err)}
        told = {"returncode": os.waitstatus_to_exitcode(status), **texts}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _become(words: Sequence[str], out: int, err: int) -> None:
    """Run one command as ``manage.py`` does, and end."""
    from django.core.management import execute_from_command_line

    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    status = 1
    try:
        execute_from_command_line(["manage.py", *words])
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else bool(ended.code)
    except BaseException:  # noqa: BLE001  (a process of its own would end with it)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _text(file: "tempfile._TemporaryFileWrapper[bytes]") -> str:
    file.seek(0)
    return file.read().decode()
