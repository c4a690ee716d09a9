"""``python -m tests.benchmarks [ID …] [--json] [--short] [--rounds N]``: ratios of one run each.

``./paydesk bench`` calls it with a server of its own. A benchmark is a module ``<id>.py`` (``a1``)
in this folder, named in ``BENCHMARKS`` below, with::

    WHAT = "posting verified records / two-leg transfers of django-hordak"   # one line
    GOAL = contract.Goal(goal=50, required=25)            # see contract.Goal; <= for a size
    def run(*, rounds: int, short: bool) -> contract.Measured: ...

``run`` finds Django set up (``tests.benchmarks.settings``) and an empty, migrated test database,
shared by all benchmarks of the run: it must not expect to be the first, nor clean up. It measures
``rounds`` times, the two sides alternated (``contract.alternate``), in one process and one run;
once, where chance and the machine have no say (a size, a count of wrong answers).
It checks its own results and tells how many rows it checked (``rows_checked``), and each thing
wrong as a line of ``faults``: any of them makes the exit status 1, a missed goal does not.
``short``: sizes for CI, a few seconds, where only the check counts. ``conditions`` states sizes;
machine, cores, PostgreSQL and its durability are added here.

A module whose figure needs what not every machine has says why it cannot run by ``absent()``.

Standard output holds the results alone (``--json``: one object); progress goes to standard error.
``curves`` instead of ids prints the tables of ``docs/performance.md``.
"""

import argparse
import json
import os
import sys
import tempfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import django

from tests.benchmarks import conditions

BENCHMARKS = (
    *("a1", "a3", "a5", "a6", "b1", "b2", "b3", "b4", "c1", "c1b"),
    *("d1", "d2", "d4", "d5", "d6"),
    *("e1", "e2", "e3", "f3", "f3p"),
)
TABLES = ("lists", "queries", "approvals", "posting")
ROUNDS, ROUNDS_SHORT = 5, 1


def main(words):
    """Run the benchmarks named, or all; return the exit status."""
    options = _parser().parse_args(words)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.settings"
    django.setup()
    rounds = options.rounds or (ROUNDS_SHORT if options.short else ROUNDS)
    if "curves" in options.benchmarks:
        return _curves(rounds=rounds, short=options.short, most=options.most, only=options.only)
    results = []
    with _database():
        for each in filter(_can_run, options.benchmarks or BENCHMARKS):
            results.append(_result(each, rounds=rounds, short=options.short))
            if not options.json:
                _print(_told(results[-1]))
    if options.json:
        _print(json.dumps({"results": results}, indent=2) + "\n")
    return 1 if any(each["faults"] for each in results) else 0


def _curves(**options):
    with _database():
        curves = import_module("tests.benchmarks.curves")
        for told in curves.run(**options):
            _print(told)
        lines = [f"{name}: {value}" for name, value in conditions.machine().items()]
        wrong = curves.faults()
    _print(
        f"{'; '.join(lines)}; rounds: {options['rounds']}\n{'; '.join(wrong) or 'nothing wrong'}\n"
    )
    return 1 if wrong else 0


def _print(told):
    sys.stdout.write(told)
    sys.stdout.flush()


def _parser():
    parser = argparse.ArgumentParser(prog="./paydesk bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "benchmarks", nargs="*", metavar="ID", type=_benchmark, help=", ".join(BENCHMARKS)
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default {ROUNDS}")
    parser.add_argument("--short", action="store_true", help="small sizes: the check alone counts")
    parser.add_argument("--most", type=int, metavar="N", help="curves: payments held, at most")
    parser.add_argument(
        "--only", nargs="+", choices=TABLES, default=TABLES, help="curves: these tables alone"
    )
    parser.add_argument("--json", action="store_true")
    return parser


def _benchmark(word):
    if word.lower() not in {*BENCHMARKS, "curves"}:
        raise argparse.ArgumentTypeError(f"none of {', '.join(BENCHMARKS)}, curves")
    return word.lower()


@contextmanager
def _database():
    """Make a database with the portal's tables, and a data folder, for as long as we run."""
    from django.conf import settings
    from django.db import connection

    name = settings.DATABASES["default"]["NAME"]
    with tempfile.TemporaryDirectory() as folder:
        settings.DATA_DIR = Path(folder)
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


def _can_run(name):
    """Say whether it can run here; a loud line says why not."""
    reason = getattr(import_module(f"tests.benchmarks.{name}"), "absent", str)()
    if reason:
        sys.stderr.write(f"!!!!! {name.upper()} DOES NOT RUN: {reason} !!!!!\n")
    return not reason


def _result(name, *, rounds, short):
    module = import_module(f"tests.benchmarks.{name}")
    sys.stderr.write(f"{name.upper()}  {module.WHAT} …\n")
    measured, goal = module.run(rounds=rounds, short=short), module.GOAL
    return {
        "id": name.upper(),
        "what": module.WHAT,
        "ratio": _rounded(measured.ratio),
        "low": _rounded(min(measured.ratios)),
        "high": _rounded(max(measured.ratios)),
        "goal": goal.goal,
        "met": goal.reached_by(measured.ratio),
        "required": goal.required,
        "passed": None
        if short or goal.required is None
        else goal.reached_by(measured.ratio, mark=goal.required),
        "higher_is_better": goal.higher_is_better,
        "rounds": len(measured.ratios),
        "rows_checked": measured.rows_checked,
        "faults": list(measured.faults),
        "figures": dict(measured.figures),
        "conditions": {**conditions.machine(), "short": short, **measured.conditions},
    }


def _rounded(ratio):
    return float(f"{ratio:.4g}")


def _told(result):
    sign = ">=" if result["higher_is_better"] else "<="
    judged = {None: "not judged", True: "passed", False: "MISSED"}[result["passed"]]
    least = "" if result["required"] is None else f", required {sign} {result['required']}"
    span = f"{result['low']} to {result['high']}, median of {result['rounds']}"
    lines = [
        f"{result['id']}  {result['what']}",
        f"    ratio {result['ratio']} ({span}); goal {sign} {result['goal']}{least}: {judged}",
        f"    rows checked {result['rows_checked']:,}: "
        + ("; ".join(result["faults"]) or "nothing wrong"),
        *(f"    {name} {value}" for name, value in result["figures"].items()),
        "    " + ", ".join(f"{name} {value}" for name, value in result["conditions"].items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
