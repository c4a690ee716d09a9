"""``python -m tests.benchmarks [A1 …] [--rounds N] [--json]``: ratios measured in one run.

On a database of its own, made and dropped here; the server is the one ``DATABASE_URL`` names.
"""

import argparse
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import django

BENCHMARKS = ("a1",)


def main(words):
    """Run the benchmarks named, or all; return the exit status."""
    options = _parser().parse_args(words)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection

    name = settings.DATABASES["default"]["NAME"]
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        settings.DATA_DIR = Path(folder)
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            for each in options.benchmarks or BENCHMARKS:
                module = import_module(f"tests.benchmarks.{each.lower()}")
                measured[each.upper()] = module.run(rounds=options.rounds)
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)
    sys.stdout.write(json.dumps(measured, indent=2) + "\n" if options.json else _lines(measured))
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("benchmarks", nargs="*", type=str.lower, choices=[*BENCHMARKS, []])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser


def _lines(measured):
    told = []
    for name, figures in measured.items():
        least, most = figures["ratio_range"]
        told.append(
            f"{name}  {figures['title']}\n"
            f"    ratio {figures['ratio']} ({least} to {most}), goal {figures['goal']}\n"
            f"    posted {figures['posted_per_s']:,}/s, peer {figures['peer_per_s']:,}/s\n"
            f"    1,000 records: verified in {figures['verifying_s_per_1000']} s,"
            f" posted in {figures['posting_s_per_1000']} s\n"
        )
    return "".join(told)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
