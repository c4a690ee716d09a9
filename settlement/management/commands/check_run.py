"""``check_run``: what the logs of a run and the database break of the invariants."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection
from psycopg.conninfo import make_conninfo

from config.management.json_command import JsonCommand
from config.refusals import Refused
from settlement.simulation.checker.judge import check


class NoLogs(Refused):
    code = "no_logs"
    status = 404
    title = "There are no journals of a run in that folder"


class Command(JsonCommand):
    help = "Check a simulation afterwards: its clients' logs against the database, read only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--logs", type=Path, required=True, help="the run's folder")

    def answer(self, **options: Any) -> dict[str, Any]:
        self.failed = False
        folder: Path = options["logs"]
        if not any(folder.glob("*.jsonl")):
            raise NoLogs(str(folder))
        findings = check(folder=folder, database=conninfo())
        self.failed = bool(findings.violations)
        return findings.answer()

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if self.failed:
            raise SystemExit(1)


def conninfo() -> str:
    """Return how libpq connects to the database this installation uses."""
    known = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return make_conninfo(**{name: known[name] for name in names if known.get(name)})
