from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from merchants.selectors.shops import merchant_named
from settlement.rules import told
from settlement.selectors import closing


class Command(JsonCommand):
    help = "Tell a merchant's business day line by line; what was taken back is negative."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", required=True, help="the merchant's id")
        parser.add_argument("--date", required=True, type=date.fromisoformat, help="YYYY-MM-DD")

    def answer(self, **options: Any) -> dict[str, Any]:
        merchant, day = merchant_named(options["merchant"]), options["date"]
        lines = closing.statement(merchant=merchant, day=day)
        own = [line for line in lines if line.currency == merchant.currency]
        return {
            "merchant": merchant.reference,
            "date": day.isoformat(),
            "currency": merchant.currency,
            "lines": [
                {
                    "channel": line.channel,
                    "amount": line.amount_minor,
                    "currency": line.currency,
                    "kind": line.kind,
                    "payment": line.payment,
                    **({"refund": line.refund} if line.refund else {}),
                    "order": line.order,
                    "approval_code": line.approval_code,
                    "at": told.time(line.at),
                }
                for line in lines
            ],
            "total": sum(line.amount_minor for line in own),
        }
