"""``restore``: a backup into an empty installation, compared with what it states."""

from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from settlement.services import restoring


class Command(JsonCommand):
    help = "Restore a backup into an empty database and check that nothing differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="what backup made")
        parser.add_argument("--digest", default="", help="what backup printed: finds any change")

    def answer(self, **options: Any) -> dict[str, Any]:
        began = monotonic()
        done = restoring.restore(
            folder=options["folder"].absolute(),
            digest=options["digest"],
            at=self.now,
            actor=self.actor,
        )
        return {
            "digest": done.backup.digest,
            "taken_at": done.backup.manifest["taken_at"],
            "ledger_digest": done.backup.statement["ledger_digest"],
            "audit_head": done.backup.statement["audit_head"],
            "rows": sum(done.backup.statement["rows"].values()),
            "blacklist_versions": done.versions,
            "checked_s": done.checked_s,
            "loaded_s": done.loaded_s,
            "compared_s": done.compared_s,
            "seconds": round(monotonic() - began, 3),
        }
