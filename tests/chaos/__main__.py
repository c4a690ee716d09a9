"""``python -m tests.chaos``: one fault run on the portal that ``config.stack.chaos`` started."""

import json
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import django

from config.stack import chaos

ANSWERED_WITHIN_S = 10
RESUMED_AFTER_STILL_S = 10
SETTLED_SLACK_S = 5  # beyond twice the visibility timeout: schedule, and a busy machine
STOPPED_WITHIN_S = 20


def main(words: Sequence[str]) -> int:
    """Make the run, print its report and return 1 if anything does not hold."""
    options = chaos.parser().parse_args(words)
    django.setup()
    report = _run(options)
    told = json.dumps(report, indent=None if options.json else 2, ensure_ascii=False)
    sys.stdout.write(told + "\n")
    return 1 if report["violations"] or report["late"] else 0


def _run(options):
    from django.conf import settings
    from django.db import connection

    from tests.chaos import checker, crowd, nemesis
    from tests.chaos.journal import Journal
    from tests.chaos.load import Uploader
    from tests.chaos.targets import Stack

    folder = Path(settings.DATA_DIR) / "chaos"
    folder.mkdir()
    tills = crowd.hire(readers=options.readers)
    uploaders = [
        Uploader(till=till, folder=folder, seed=f"{options.seed} {number}", breaks=number == 0)
        for number, till in enumerate(tills)
    ]
    avenger = nemesis.Nemesis(
        stack=(stack := Stack()),
        journal=Journal(folder / "nemesis.jsonl"),
        uploaders=uploaders,
        seed=options.seed,
    )
    connection.close()  # it would not outlive what is coming
    began, lost = time.monotonic(), []
    for uploader in uploaders:
        uploader.start()
    try:
        avenger.run(nemesis.plan(kills=options.kills, seed=options.seed, chosen=options.targets))
    except nemesis.NotBack as away:
        lost.append(str(away))
    finally:  # whatever breaks here, the run ends
        ended = time.monotonic()
        for uploader in uploaders:
            uploader.ask_to_stop()
    settled_s = _settle(stack, settings.VISIBILITY_TIMEOUT_S, since=avenger.struck_at)
    deadline = time.monotonic() + STOPPED_WITHIN_S
    finished = [uploader.wait(until=deadline) for uploader in uploaders]
    if not all(finished):
        lost.append(f"{finished.count(False)} readers are without an answer")
    evidence = checker.gather(folder=folder)
    if options.keep:
        shutil.copytree(folder, options.keep, dirs_exist_ok=True)
        shutil.copytree(settings.DATA_DIR / "logs", Path(options.keep) / "logs", dirs_exist_ok=True)
    figures = {
        "seed": options.seed,
        "seconds": round(ended - began, 1),
        "kills": dict(avenger.kills),
        "disturbances": dict(avenger.disturbances),
        **_counts(evidence),
        "batches_taken_on_again": _taken_on_again(stack),
        "recovered_s": _spread(avenger.recovered_s),
        "resumed_s": _spread(avenger.resumed_s),
        "visibility_timeout_s": settings.VISIBILITY_TIMEOUT_S,
        "settled_s": settled_s,
        "slowest_request_s": _slowest(folder),
    }
    return figures | {
        "late": [*lost, *_late(figures)],
        "violations": checker.violations(evidence),
    }


def _settle(stack, visibility_timeout_s, *, since):
    """Return after how many seconds nothing waits to be posted or numbered; None if it goes on."""
    patience_s = 4 * visibility_timeout_s + SETTLED_SLACK_S
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with stack.database() as connection:
            (waiting,) = connection.execute(_UNSETTLED).fetchone()
        if not waiting:
            return round(time.monotonic() - since, 1)
        time.sleep(0.1)
    return None


_UNSETTLED = """
SELECT (SELECT count(*) FROM settlement_batch WHERE state = 'RECEIVED')
     + (SELECT count(*) FROM config_event WHERE seq IS NULL)
"""


def _counts(evidence):
    acknowledged = [sent for sent in evidence.sent.values() if sent.acknowledged]
    return {
        "batches_acknowledged": sum(known for _digest, known in evidence.batches.values()),
        "batches_unanswered": sum(not known for _digest, known in evidence.batches.values()),
        "records_sent": len(evidence.sent),
        "records_acknowledged": len(acknowledged),
        "records_posted": sum(booked.payments for booked in evidence.booked.values()),
    }


def _taken_on_again(stack):
    """How many batches a worker had in hand when it died: proof that the kills hit something."""
    with stack.database() as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM settlement_batch WHERE attempts > 1"
        ).fetchone()
    return count


def _spread(measured):
    return {
        name: {
            "n": len(seconds),
            "median": round(statistics.median(seconds), 1),
            "most": round(max(seconds), 1),
        }
        for name, seconds in sorted(measured.items())
    }


def _slowest(folder):
    from tests.chaos import journal

    took = [
        entry["end"] - entry["start"]
        for path in folder.glob("RDR-*.jsonl")
        for entry in journal.read(path)
        if entry["op"] != "intent"
    ]
    return round(max(took, default=0.0), 1)


def _late(figures):
    """Return what took longer than it may, one line each."""
    twice_s = 2 * figures["visibility_timeout_s"]
    for name, spread in figures["resumed_s"].items():
        limit_s = twice_s if name.startswith("worker") else RESUMED_AFTER_STILL_S
        if spread["most"] > limit_s:
            yield f"{name}: batches resumed after {spread['most']} s, not within {limit_s}"
    if figures["slowest_request_s"] > ANSWERED_WITHIN_S:
        yield f"a request took {figures['slowest_request_s']} s"
    limit_s = twice_s + SETTLED_SLACK_S
    if figures["settled_s"] is None or figures["settled_s"] > limit_s:
        yield f"batches or events still waited {limit_s} s after the last fault"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
