"""``./paydesk test``: every check and test on servers of its own, and a table of how it went."""

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

from config.stack import counts, environment, manage, parts
from config.stack import places as folders
from config.stack.counts import Counts
from config.stack.parts import Part
from config.stack.places import CHECKOUT, CannotStart
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
    paths = [word for word in options.part if Path(word.partition("::")[0]).exists()]
    options.part = [word for word in options.part if word not in paths]
    pytest_words = [*paths, *pytest_words]
    folder = Path(tempfile.mkdtemp(prefix="paydesk-test-"))
    folder.chmod(0o711)  # PostgreSQL's account may be another
    try:
        table = parts.table(reports=folder, pytest_words=pytest_words)
        chosen = _choose(table, options=options, pytest_words=pytest_words)
        os.chdir(CHECKOUT)
        return asyncio.run(_run_all(chosen, data=folder / "data", narrowed=bool(pytest_words)))
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


async def _run_all(chosen: Sequence[Part], *, data: Path, narrowed: bool) -> int:
    places = folders.locate(data_dir=str(data))
    folders.create(places)
    async with Supervisor(say=_say) as supervisor:
        for server in environment.embedded_servers(places, throwaway=True):
            await supervisor.start(server)
        variables = {**environment.base(places), "PAYDESK_SECRET_KEY": secrets.token_urlsafe(64)}
        if "PAYDESK_DEMO" not in os.environ:
            del variables["PAYDESK_DEMO"]
        outcomes, interrupted = [], asyncio.Event()
        for part in chosen:
            outcomes.append(await _run_part(part, variables, interrupted, narrowed=narrowed))
            if interrupted.is_set():
                break
    _tell(outcomes)
    if interrupted.is_set():
        return INTERRUPTED
    return 1 if any(outcome.result == "failed" for outcome in outcomes) else 0


async def _run_part(
    part: Part, variables: Mapping[str, str], interrupted: asyncio.Event, *, narrowed: bool
) -> Outcome:
    _say(f"\n== {part.name}")
    if part.absent:
        _say(f"!!!!! {part.absent} !!!!!")
        return Outcome(part=part, result="skipped", seconds=0, counted=Counts())
    began = time.monotonic()
    statuses = [
        await manage.command(argv, {**variables, **part.environment}, interrupted=interrupted)
        for argv in part.commands
    ]
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
