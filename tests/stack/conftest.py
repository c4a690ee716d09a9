"""The launcher is tested on real processes; no test here needs Django or a database of its own."""

import asyncio
import sys
import time

import pytest

from config.stack import places as folders
from config.stack import postgres
from config.stack.program import Program
from config.stack.supervisor import Patience, Supervisor

HASTY = Patience(quick_s=5, quick_deaths_max=3, pause_first_s=0.05, pause_max_s=0.1)


@pytest.fixture
def told():
    return []


@pytest.fixture
def supervisor(told):
    """A function, for a supervisor belongs to the running event loop."""
    return lambda: Supervisor(say=told.append, patience=HASTY)


@pytest.fixture
def python(tmp_path):
    """A program made of Python source. Its output goes to a log named after it."""

    def make(source, *, name="child", **facts):
        log = tmp_path / f"{name}.log"
        return Program(name=name, argv=(sys.executable, "-c", source), log=log, **facts)

    return make


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An installation of its own, in a folder with a space, on embedded servers."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv(postgres.PATTERN, raising=False)
    made = folders.locate(data_dir=str(tmp_path / "pay desk"))
    folders.create(made)
    yield made
    if not made.run.is_relative_to(made.data):
        folders.empty(made)


async def eventually(is_so, *, within_s=10):
    """Wait until ``is_so()`` is true; return what it gave."""
    deadline = time.monotonic() + within_s
    while not (answer := is_so()):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)
    return answer
