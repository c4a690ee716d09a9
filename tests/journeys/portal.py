"""The whole product as a newcomer starts it: ``./paydesk up``, on a folder with a space.

Nothing here reaches into the product: its command line, its addresses, its logs and the processes
it started are all that is used.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.stack.environment import ECHO_OFFSET
from config.stack.postgres import PATTERN
from config.stack.program import birth
from tests.journeys.clerk import Clerk
from tests.journeys.waiting import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
PAYDESK = str(CHECKOUT / "paydesk")
UP_WITHIN_S = 180  # other parts keep the processors busy meanwhile
DOWN_WITHIN_S = 30
PARTS = {
    "worker": "-m celery -A config worker",
    "sequencer": "manage.py run_sequencer",
    "rns": "manage.py run_rns",
    "authorisations": "manage.py run_authorisations",
    "web": "-m granian",
    "sockets": "-m uvicorn",
}
LINK = re.compile(r"^ {4}(\S.*?) +(http://\S+)$")


@dataclass(kw_only=True)
class Portal:
    """A portal that runs, and what the person who started it can see and do."""

    process: subprocess.Popen[str]
    port: int
    data: Path
    clerk: Clerk
    said: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def links(self) -> dict[str, str]:
        """The one-time sign-in links by role, as they were printed."""
        return {found[1]: found[2] for line in self.said if (found := LINK.match(line))}

    def manage(self, *words: str) -> dict[str, Any]:
        """Run a command and return its JSON; a refusal fails the test."""
        done = self.clerk.run(*words, "--json")
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return last_object(done.stdout)

    def refused(self, *words: str) -> str:
        """Run a command that has to be refused, and return the code of the refusal."""
        done = self.clerk.run(*words, "--json")
        assert done.returncode != 0, done.stdout
        return str(last_object(done.stdout)["error"]["code"])

    def run(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``./paydesk`` beside the portal, from another folder than the checkout."""
        return subprocess.run(
            [PAYDESK, command, *words, "--data-dir", str(self.data)],
            env=bare_environment(),
            cwd=self.data.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def health(self) -> tuple[int, dict[str, Any]]:
        """Return the status of ``/healthz`` and its parts; 0 when nobody answers."""
        try:
            answer = httpx.get(f"{self.origin}/healthz", timeout=5)
        except httpx.HTTPError:
            return 0, {}
        return answer.status_code, answer.json()["parts"]

    def is_healthy(self) -> bool:
        return self.health()[0] == 200

    def children(self) -> dict[int, str]:
        """Return the command lines of all processes below ``up``, by process id."""
        return dict(_below(self.process.pid))

    def pids(self, part: str) -> set[int]:
        """Return the processes of a part: the one ``up`` started, and its workers."""
        return {pid for pid, words in self.children().items() if PARTS[part] in words}

    @contextmanager
    def stopped(self, part: str) -> Iterator[None]:
        """Let a part hang while the block runs: its processes get no time."""
        hung = self.pids(part)
        assert hung
        try:
            for pid in hung:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in hung:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def kill(self, part: str) -> None:
        """Kill a part outright; ``up`` starts it again."""
        for pid in self.pids(part):
            os.kill(pid, signal.SIGKILL)

    def logs(self) -> str:
        """Return what was printed and the end of every log, for a failure's report."""
        ends = [
            f"--- {log.name}\n{log.read_text(errors='replace')[-2500:]}"
            for log in sorted((self.data / "logs").glob("*.log"))
        ]
        return "\n".join([*self.said, *ends, f"--- /healthz\n{self.health()}"])


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One portal for all journeys of a run, without the simulator, from start to clean stop."""
    with running(tmp_path_factory.mktemp("pay desk") / "data of one") as started:
        yield started


@contextmanager
def running(data: Path, *, migrated: bool = False) -> Iterator[Portal]:
    """Start a portal on ``data``, stop it by SIGINT, and check that nothing stays behind.

    :param migrated: begin with a copy of this run's cluster, which has the schema.
    """
    started = _start(data, pattern() if migrated else {})
    try:
        _await_service(started)
        yield started
    finally:
        started.clerk.close()
        below = started.children()
        _stop(started)
    assert started.process.returncode == 0, started.logs()
    assert "Stopped." in started.said
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()], below
    assert started.run("reset", "--yes").returncode == 0
    shutil.rmtree(data, ignore_errors=True)


def _start(data: Path, beginning: Mapping[str, str]) -> Portal:
    port = free_port()
    process = subprocess.Popen(
        [PAYDESK, "up", "--no-simulate", "--port", str(port), "--data-dir", str(data)],
        env=bare_environment() | beginning,
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=birth(parting_signal=signal.SIGINT),  # noqa: PLW1509  it must end with us
    )
    clerk = Clerk(
        start=(PAYDESK, "--data-dir", str(data)), environment=bare_environment(), cwd=data.parent
    )
    started = Portal(process=process, port=port, data=data, clerk=clerk)
    threading.Thread(target=_listen, args=(started,), daemon=True).start()
    return started


def _listen(started: Portal) -> None:
    assert started.process.stdout is not None
    for line in started.process.stdout:
        started.said.append(line.rstrip("\n"))


def _await_service(started: Portal) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while not (started.is_healthy() and "Ctrl-C stops everything." in started.said):
        late = time.monotonic() > deadline
        if late or started.process.poll() is not None:
            pytest.fail(f"the portal does not serve:\n{started.logs()}")
        time.sleep(0.2)


def _stop(started: Portal) -> None:
    started.process.send_signal(signal.SIGINT)
    try:
        started.process.wait(timeout=DOWN_WITHIN_S)
    except subprocess.TimeoutExpired:
        started.process.kill()
        pytest.fail(f"the portal did not stop within {DOWN_WITHIN_S} s:\n{started.logs()}")
    eventually(lambda: "Stopped." in started.said, within_s=2)


def bare_environment() -> dict[str, str]:
    """Return what a fresh terminal has: no server, no setting and no Python path of this run."""
    ours = ("PAYDESK_", "DJANGO_", "PYTHON", "PYTEST_", "DATABASE_URL", "REDIS_URL", "EMAIL_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def pattern() -> dict[str, str]:
    """Return the variable that lets a new portal begin with this run's schema, where there is one.

    The journeys' own portal does without, for it begins as a newcomer's does.
    """
    return {PATTERN: os.environ[PATTERN]} if PATTERN in os.environ else {}


def free_port() -> int:
    """Return a port that is free together with the others near it that ``up`` takes as well."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 65_000 and all(_is_free(port + offset) for offset in (0, 1, 2, ECHO_OFFSET)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def last_object(text: str) -> dict[str, Any]:
    """Return the JSON object on the last line of a command's output."""
    told = json.loads(text.splitlines()[-1])
    assert isinstance(told, dict)
    return told


def _below(parent: int) -> Iterator[tuple[int, str]]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) != parent:
                continue
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended while we looked
        pid = int(stat.parent.name)
        yield pid, b" ".join(words).decode()
        yield from _below(pid)
