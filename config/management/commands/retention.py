"""``retention``: drop the months of events and downloads that are older than they are kept."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from config import partitions, retention
from config.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "Drop the months of events and downloads that nothing needs any more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="tell, and change nothing")
        parser.add_argument(
            "--archive",
            type=Path,
            metavar="FOLDER",
            default=Path(settings.ARCHIVE_DIR) if settings.ARCHIVE_DIR else None,
            help="write each month there first (default: PAYDESK_ARCHIVE_DIR)",
        )

    def answer(self, **options: Any) -> dict[str, Any]:
        if options["dry_run"]:
            told = retention.preview(at=self.now)
        else:
            told = retention.retire(at=self.now, actor=self.actor, archive=options["archive"])
        return {
            "months": [asdict(verdict) for verdict in told],
            "stray_rows": {table: partitions.strays(table=table) for table in partitions.tables()},
        }
