"""``backup``: the database and the keys into a folder, while everything goes on."""

from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from settlement.services import backups


class Command(JsonCommand):
    help = "Back up the database and the keys; keep the printed digest elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder that does not exist yet")

    def answer(self, **options: Any) -> dict[str, Any]:
        began = monotonic()
        made = backups.make(folder=options["folder"].absolute(), at=self.now, actor=self.actor)
        dump = made.folder / backups.DUMP
        return {
            "folder": str(made.folder),
            "digest": made.digest,
            "taken_at": made.manifest["taken_at"],
            "ledger_digest": made.statement["ledger_digest"],
            "audit_head": made.statement["audit_head"],
            "rows": sum(made.statement["rows"].values()),
            "keys": len(made.keys),
            "bytes": dump.stat().st_size,
            "seconds": round(monotonic() - began, 3),
        }
