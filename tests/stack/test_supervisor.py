"""The supervisor brings children back, gives up with a reason, and leaves nothing behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from config.stack.places import CHECKOUT, CannotStart
from tests.stack.conftest import eventually

SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
FALLS = "import sys; sys.exit('no such table: cards')"


def pids_in(log):
    return [int(word) for word in log.read_text().split()] if log.exists() else []


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_killed_child_comes_back_and_it_is_said(supervisor, python, told):
    child = python(SLEEP)

    async with supervisor() as boss:
        await boss.start(child)
        (first,) = await eventually(lambda: pids_in(child.log))
        os.kill(first, signal.SIGKILL)
        pids = await eventually(lambda: pids_in(child.log)[1:] and pids_in(child.log))

    assert "child was killed by SIGKILL" in told[0]
    assert not any(map(is_alive, pids))


async def test_it_gives_up_and_says_why(supervisor, python, told):
    async with supervisor() as boss:
        await boss.start(python(FALLS, essential=True))
        reason = await asyncio.wait_for(boss.failure, timeout=10)

    assert reason == "child ended with status 1, 3 times in a row."
    assert "no such table: cards" in told[-1]


async def test_a_program_that_is_never_ready_is_given_up_at_the_start(supervisor, python):
    async with supervisor() as boss:
        with pytest.raises(CannotStart, match="ended with status 1"):
            await boss.start(python(FALLS, ready=lambda: False))


async def test_a_step_that_fails_tells_its_last_lines(supervisor, python):
    async with supervisor() as boss:
        with pytest.raises(CannotStart, match="no such table: cards"):
            await boss.run_once(python(FALLS, name="migrate"))


async def test_servers_stop_after_all_others(supervisor, python, tmp_path):
    order = tmp_path / "order"
    source = (
        "import signal, sys, time\n"
        f"def stop(*_): open({str(order)!r}, 'a').write(NAME + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop); print('up', flush=True); time.sleep(60)"
    )

    async with supervisor() as boss:
        for name in ("postgres", "valkey", "web"):
            child = python(
                source.replace("NAME", repr(name)), name=name, server=name in {"postgres", "valkey"}
            )
            await boss.start(child)
            await eventually(lambda log=child.log: log.read_text())

    assert order.read_text().split() == ["web", "valkey", "postgres"]


async def test_a_deaf_child_and_its_own_children_are_killed(supervisor, python):
    source = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    )
    child = python(source, stop_within_s=0.2)

    async with supervisor() as boss:
        await boss.start(child)
        (grandchild,) = await eventually(lambda: pids_in(child.log))

    await eventually(lambda: not is_alive(grandchild))


BOSS = """
import asyncio, sys
from pathlib import Path
from config.stack.program import Program
from config.stack.supervisor import Supervisor

async def main():
    argv = (sys.executable, "-c", sys.argv[1])
    async with Supervisor(say=print) as boss:
        await boss.start(Program(name="child", argv=argv, log=Path(sys.argv[2])))
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_children_of_a_killed_supervisor_end(tmp_path):
    log = tmp_path / "child.log"
    boss = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOSS, SLEEP, str(log), cwd=CHECKOUT
    )
    (child,) = await eventually(lambda: pids_in(log))

    boss.kill()
    await boss.wait()

    await eventually(lambda: not is_alive(child))
