"""``./paydesk test``: every check and test on servers of its own, and a table of how it went.

Two parts run side by side; what each says is then told whole, when it has ended.
"""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.stack import counts, environment, parts, pattern, postgres
from config.stack import places as folders
from config.stack.commands import Commands, Told
from config.stack.counts import Counts
from config.stack.parts import Part
from config.stack.places import CHECKOUT, CannotStart, Places
from config.stack.supervisor import Supervisor

NOTHING_COLLECTED = 5  # pytest's exit status when no test matched
LANES = 2

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

    :raises CannotStart: if a part or a test is unknown or the servers do not start.
    """
    options, pytest_words = _parser().parse_known_args(words)
    paths = [word for word in options.part if parts.is_path(word)]
    options.part = [word for word in options.part if word not in paths]
    pytest_words = [*paths, *pytest_words]
    if lost := [word for word in pytest_words if parts.names_nothing(word)]:
        raise CannotStart(f"There is no {', '.join(lost)}.")
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
    variables = {**environment.base(places), "PAYDESK_SECRET_KEY": secrets.token_urlsafe(64)}
    if "PAYDESK_DEMO" not in os.environ:
        del variables["PAYDESK_DEMO"]
    async with Supervisor(say=_say) as supervisor:
        commands = Commands()
        copied = whole and any(part.report for part in chosen)
        serving = asyncio.create_task(_serve(supervisor, places, variables, copied=copied))
        outcomes = await _run_lanes(chosen, commands, variables, narrowed=narrowed, serving=serving)
        await serving
    _tell(outcomes)
    if commands.interrupted.is_set():
        return INTERRUPTED
    return 0 if _all_good(outcomes) else 1


def _all_good(outcomes: Sequence[Outcome]) -> bool:
    """Judge a run; one that was to run tests and found none is not good either."""
    tested = [outcome for outcome in outcomes if outcome.part.report and not outcome.part.absent]
    if tested and not any(outcome.counted.ran for outcome in tested):
        _say("No test was found.")
        return False
    return all(outcome.result != "failed" for outcome in outcomes)


async def _serve(
    supervisor: Supervisor, places: Places, variables: dict[str, str], *, copied: bool
) -> None:
    """Start the servers, as copies of one that is migrated first if ``copied``."""
    if copied and "DATABASE_URL" not in os.environ:
        cluster = await pattern.made(places.data.with_name("pattern"), say=_say)
        if cluster is not None:
            os.environ[postgres.PATTERN] = variables[postgres.PATTERN] = str(cluster)
    for server in environment.embedded_servers(places, throwaway=True):
        await supervisor.start(server)


async def _run_lanes(
    chosen: Sequence[Part],
    commands: Commands,
    variables: Mapping[str, str],
    *,
    narrowed: bool,
    serving: Awaitable[None],
) -> list[Outcome]:
    """Run two parts at a time, in their order; return how all went in the order of ``chosen``.

    Whichever lane is free takes the next part, so that both end at about the same time. Those that
    run alone come last. A part that needs the servers waits until ``serving`` is done.
    """
    alone = len(chosen) == 1
    ran = []
    for some, lanes in (
        ([part for part in chosen if not part.alone], LANES),
        ([part for part in chosen if part.alone], 1),
    ):
        ahead = deque(some)
        ran += await asyncio.gather(
            *(
                _run_lane(
                    ahead, commands, variables, narrowed=narrowed, alone=alone, serving=serving
                )
                for _lane in range(lanes)
            )
        )
    outcomes = {outcome.part.name: outcome for lane in ran for outcome in lane}
    return [outcomes[part.name] for part in chosen if part.name in outcomes]


async def _run_lane(
    ahead: deque[Part],
    commands: Commands,
    variables: Mapping[str, str],
    *,
    narrowed: bool,
    alone: bool,
    serving: Awaitable[None],
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while ahead and not commands.interrupted.is_set():
        part = ahead.popleft()
        if part.needs_servers:
            await serving
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
