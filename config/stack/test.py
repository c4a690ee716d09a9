"""``./paydesk test``: every check and test on servers of its own, and a table of how it went.

What waits for processes runs beside what keeps the processors busy; what a part says is then told
whole, when it has ended.
"""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from config.stack import counts, environment, parts, programs
from config.stack import places as folders
from config.stack.commands import Commands, Told
from config.stack.counts import Counts
from config.stack.parts import Part
from config.stack.places import CHECKOUT, CannotStart, Places
from config.stack.supervisor import Supervisor

NOTHING_COLLECTED = 5  # pytest's exit status when no test matched

INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one part went. ``result`` is passed, failed or skipped."""

    part: Part
    result: str
    seconds: float
    counted: Counts


def run(words: Sequence[str]) -> int:
    """This function will run the chosen parts, all of them even when one fails; 0 if none failed.

    :raises CannotStart: if a part is unknown or the servers do not start.
    """
    options, pytest_words = _parser().parse_known_args(words)
    paths = [word for word in options.part if parts.is_path(word)]
    options.part = [word for word in options.part if word not in paths]
    pytest_words = [*paths, *pytest_words]
    whole = not any(map(parts.is_path, pytest_words))
    folder = Path(tempfile.mkdtemp(prefix="paydesk-test-"))
    folder.chmod(0o711)  # PostgreSQL's account may be another
    try:
        table = parts.table(reports=folder, pytest_words=pytest_words)
        chosen = _choose(table, options=options, pytest_words=pytest_words)
        os.chdir(CHECKOUT)
        return asyncio.run(
            _run_all(chosen, data=folder / "data", narrowed=bool(pytest_words), whole=whole)
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _choose(
    table: list[Part], *, options: argparse.Namespace, pytest_words: Sequence[str]
) -> list[Part]:
    names = [part.name for part in table]
    if unknown := set(options.part) - set(names):
        raise CannotStart(f"There is no part {', '.join(unknown)}. The parts: {', '.join(names)}.")
    if options.part:
        return [part for part in table if part.name in options.part]
    if options.static:
        return [part for part in table if part.report is None]
    if pytest_words:
        return [part for part in table if part.report is not None]
    return table


async def _run_all(chosen: Sequence[Part], *, data: Path, narrowed: bool, whole: bool) -> int:
    places = folders.locate(data_dir=str(data))
    folders.create(places)
    async with Supervisor(say=_say) as supervisor:
        for server in environment.embedded_servers(places, throwaway=True):
            await supervisor.start(server)
        variables = {**environment.base(places), "PAYDESK_SECRET_KEY": secrets.token_urlsafe(64)}
        if "PAYDESK_DEMO" not in os.environ:
            del variables["PAYDESK_DEMO"]
        if whole and any(part.report for part in chosen):
            await _migrate_once(supervisor, places, variables)
        commands = Commands()
        outcomes = await _run_lanes(chosen, commands, variables, narrowed=narrowed)
    _tell(outcomes)
    if commands.interrupted.is_set():
        return INTERRUPTED
    return 1 if any(outcome.result == "failed" for outcome in outcomes) else 0


async def _migrate_once(
    supervisor: Supervisor, places: Places, variables: Mapping[str, str]
) -> None:
    """Give the schema to the server's own template, of which each database here is then a copy.

    Where it fails it is told, and the tests go on: their own migrations then meet the same fault.
    """
    if "DATABASE_URL" in os.environ:
        return
    template = urlunsplit(urlsplit(variables["DATABASE_URL"])._replace(path="/template1"))
    words = ("migrate", "--no-input", "--skip-checks")
    step = programs.step(
        "migrate", *words, places=places, environment={**variables, "DATABASE_URL": template}
    )
    try:
        await supervisor.run_once(step)
    except CannotStart as fault:
        _say(str(fault))


async def _run_lanes(
    chosen: Sequence[Part], commands: Commands, variables: Mapping[str, str], *, narrowed: bool
) -> list[Outcome]:
    """Run the parts that wait beside the others; return how all went in the order of ``chosen``."""
    lanes = [[part for part in chosen if part.waits is waits] for waits in (False, True)]
    alone = not all(lanes)
    ran = await asyncio.gather(
        *(_run_lane(lane, commands, variables, narrowed=narrowed, alone=alone) for lane in lanes)
    )
    outcomes = {outcome.part.name: outcome for lane in ran for outcome in lane}
    return [outcomes[part.name] for part in chosen if part.name in outcomes]


async def _run_lane(
    lane: Sequence[Part],
    commands: Commands,
    variables: Mapping[str, str],
    *,
    narrowed: bool,
    alone: bool,
) -> list[Outcome]:
    outcomes = []
    for part in lane:
        if commands.interrupted.is_set():
            break
        outcomes.append(await _run_part(part, commands, variables, narrowed=narrowed, alone=alone))
    return outcomes


async def _run_part(
    part: Part, commands: Commands, variables: Mapping[str, str], *, narrowed: bool, alone: bool
) -> Outcome:
    if part.absent:
        _say(f"\n== {part.name}\n!!!!! {part.absent} !!!!!")
        return Outcome(part=part, result="skipped", seconds=0, counted=Counts())
    began = time.monotonic()
    statuses = await _statuses(part, commands, variables, alone=alone)
    counted = counts.read(part.report) if part.report else Counts()
    allowed = {0, NOTHING_COLLECTED} if narrowed and part.report else {0}
    good = set(statuses) <= allowed
    if part.none_may_be_skipped and counted.skipped:
        _say(f"A skipped {part.name} test fails this part, for there is a Chromium.")
        good = False
    return Outcome(
        part=part,
        result="passed" if good else "failed",
        seconds=time.monotonic() - began,
        counted=counted,
    )


async def _statuses(
    part: Part, commands: Commands, variables: Mapping[str, str], *, alone: bool
) -> list[int]:
    """Run the part's commands under its heading; return how each ended."""
    environment = {**variables, **part.environment}
    if alone:
        _say(f"\n== {part.name}")
        return [await commands.run(argv, environment) for argv in part.commands]
    _say(f"   {part.name} begins")
    told = Told()
    ended = [await commands.run(argv, environment, output=told.file) for argv in part.commands]
    _say(f"\n== {part.name}")
    told.tell()
    return ended


def _tell(outcomes: Sequence[Outcome]) -> None:
    _say(f"\n{'part':<12} {'result':<8} {'seconds':>8} {'may take':>9}  tests")
    for outcome in outcomes:
        part = outcome.part
        late = "  slower than it may be" if outcome.seconds > part.may_take_s else ""
        tests = str(outcome.counted) if part.report else ""
        _say(
            f"{part.name:<12} {outcome.result:<8} {outcome.seconds:>8.1f} "
            f"{part.may_take_s:>9}  {tests}{late}".rstrip()
        )
    for outcome in outcomes:
        if outcome.part.absent:
            _say(f"\n!!!!! {outcome.part.absent} !!!!!")
    if any(outcome.part.report for outcome in outcomes):
        _say(f"\n{sum((outcome.counted for outcome in outcomes), Counts())}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./paydesk test",
        description="Run every check and test. Other words go to pytest: then only tests run, and "
        "a path only in the part it belongs to.",
        allow_abbrev=False,
    )
    parser.add_argument("--part", nargs="+", action="extend", default=[], metavar="NAME")
    parser.add_argument("--static", action="store_true", help="only the parts without tests")
    return parser
