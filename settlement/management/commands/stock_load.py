from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from config.refusals import Refused
from merchants.selectors.shops import merchant_named
from settlement.services import stock


class FileUnreadable(Refused):
    code = "file_unreadable"
    title = "The file cannot be read"


class Command(JsonCommand):
    help = "Load gift certificates or lottery tickets of a shop from a CSV file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", required=True, metavar="M")
        parser.add_argument("file", type=Path)

    def answer(self, **options: Any) -> dict[str, Any]:
        merchant = merchant_named(options["merchant"])
        try:
            text = options["file"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as wrong:
            raise FileUnreadable(str(wrong)) from wrong
        told = stock.load_file(merchant=merchant, text=text, actor=self.actor, at=self.now)
        faults = [fault._asdict() for fault in told.faults]
        return {"merchant": merchant.reference, "loaded": told.count, "faults": faults}
