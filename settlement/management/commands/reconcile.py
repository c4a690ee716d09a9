from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from merchants.models import Merchant
from settlement.selectors import closing


class Command(JsonCommand):
    help = "Hold every merchant's business day against ledger and payout, and list differences."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--date", required=True, type=date.fromisoformat, help="YYYY-MM-DD")

    def answer(self, **options: Any) -> dict[str, Any]:
        day = options["date"]
        return {
            "date": day.isoformat(),
            "differences": [
                each._asdict()
                for merchant in Merchant.objects.order_by("pk").iterator()
                for each in closing.differences(merchant=merchant, day=day)
            ],
            "undelivered": [{"tid": tid} for tid in closing.undelivered(day=day)],
        }
