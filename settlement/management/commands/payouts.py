"""``payouts``: draw up what merchants are owed for days that have ended."""

from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from settlement.services import payouts


class Command(JsonCommand):
    help = "Draw up the payouts of every merchant up to a business day; twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--date",
            type=date.fromisoformat,
            help="the last business day, YYYY-MM-DD; without it, each merchant's last ended one",
        )

    def answer(self, **options: Any) -> dict[str, Any]:
        drawn = payouts.draw_up_due(at=self.now, day=options["date"], actor=self.actor)
        return {
            "payouts": [
                {
                    "id": payout.reference,
                    "merchant": payout.merchant.reference,
                    "business_date": payout.business_date.isoformat(),
                    "currency": payout.currency,
                    "state": payout.state,
                    "sales": payout.sales,
                    "sales_amount": payout.sales_minor,
                    "reversals": payout.reversals,
                    "reversals_amount": payout.reversals_minor,
                    "losses": payout.losses_minor,
                    "fees": payout.fees_minor,
                    "net": payout.net_minor,
                    "incomplete": payout.incomplete,
                }
                for payout in drawn
            ]
        }
