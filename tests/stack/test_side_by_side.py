"""Two parts run side by side, and what each says stays in one piece."""

import asyncio
import os
import signal
import sys
from dataclasses import replace

import pytest

from config.stack import test as runner
from config.stack.commands import Commands
from config.stack.parts import Part

MEETS = """
import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:3])
print(mine.name, "first", flush=True)
mine.touch()
deadline = time.monotonic() + float(sys.argv[3])
while not other.exists():
    if time.monotonic() > deadline:
        sys.exit("nobody came")
    time.sleep(0.01)
print(mine.name, "last", flush=True)
"""


@pytest.fixture
def pair(tmp_path):
    """Return a function that makes two parts, each of which ends well only beside the other."""

    def make(*, patience_s=30):
        one, two = tmp_path / "one", tmp_path / "two"
        return [
            Part(name="one", commands=(_argv(MEETS, one, two, patience_s),), may_take_s=9),
            Part(name="two", commands=(_argv(MEETS, two, one, patience_s),), may_take_s=9),
        ]

    return make


def _argv(source, *words):
    return (sys.executable, "-c", source, *map(str, words))


async def run(parts, *, serving=None):
    serving = serving or asyncio.ensure_future(asyncio.sleep(0))
    return await runner._run_lanes(parts, Commands(), os.environ, narrowed=False, serving=serving)


async def test_two_run_side_by_side(pair):
    assert [outcome.result for outcome in await run(pair())] == ["passed", "passed"]


async def test_control_parts_of_one_lane_never_meet(pair, monkeypatch):
    monkeypatch.setattr(runner, "LANES", 1)

    outcomes = await run(pair(patience_s=0.5))

    assert [outcome.result for outcome in outcomes] == ["failed", "passed"]


async def test_what_runs_alone_comes_last_and_meets_none(pair):
    one, two = pair(patience_s=0.5)

    outcomes = await run([replace(one, alone=True), replace(two, alone=True)])

    assert [outcome.result for outcome in outcomes] == ["failed", "passed"]


async def test_whichever_lane_is_free_takes_the_next(pair):
    one, two = pair()
    quick = Part(name="quick", commands=(_argv(""),), may_take_s=9)

    outcomes = await run([one, quick, two])

    assert [outcome.result for outcome in outcomes] == ["passed"] * 3


async def test_a_part_that_needs_the_servers_waits_for_them(tmp_path):
    served = tmp_path / "served"
    late = _argv("import pathlib, sys; sys.exit(not pathlib.Path(sys.argv[1]).exists())", served)
    parts = [
        Part(name="reads", commands=(late,), may_take_s=9, needs_servers=False),
        Part(name="asks", commands=(late,), may_take_s=9),
    ]

    async def serve():
        await asyncio.sleep(1)
        served.touch()

    outcomes = await run(parts, serving=asyncio.create_task(serve()))

    assert [outcome.result for outcome in outcomes] == ["failed", "passed"]


async def test_each_says_what_it_says_in_one_piece(pair, capfd):
    await run(pair())

    said = capfd.readouterr().out
    for name in ("one", "two"):
        assert f"\n== {name}\n{name} first\n{name} last\n" in said


async def test_the_table_keeps_its_order_whoever_ends_first(tmp_path):
    slow, quick = _argv("import time; time.sleep(0.5)"), _argv("")
    parts = [
        Part(name="slow", commands=(slow,), may_take_s=9),
        Part(name="quick", commands=(quick,), may_take_s=9),
    ]

    assert [outcome.part.name for outcome in await run(parts)] == ["slow", "quick"]


async def test_a_sigterm_is_handed_on_to_all_that_run():
    commands = Commands()
    argv = _argv("import time; print('up', flush=True); time.sleep(60)")
    both = [asyncio.create_task(commands.run(argv, os.environ)) for _ in range(2)]
    while len(commands._running) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)

    os.kill(os.getpid(), signal.SIGTERM)

    assert await asyncio.wait_for(asyncio.gather(*both), timeout=10) == [143, 143]
    assert commands.interrupted.is_set()
