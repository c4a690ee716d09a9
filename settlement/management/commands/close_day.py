from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from merchants.selectors.shops import merchant_named
from settlement.services import closing


class Command(JsonCommand):
    help = "Close a merchant's business day: from then on its sales are refunded, not reversed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", required=True, help="the merchant's id")
        parser.add_argument("--date", required=True, type=date.fromisoformat, help="YYYY-MM-DD")

    def answer(self, **options: Any) -> dict[str, Any]:
        merchant, day = merchant_named(options["merchant"]), options["date"]
        closed = closing.close_day(merchant=merchant, day=day, actor=self.actor, at=self.now)
        return {
            "merchant": merchant.reference,
            "date": day.isoformat(),
            "state": "CLOSED",
            "differences": [each._asdict() for each in closed.differences],
        }
