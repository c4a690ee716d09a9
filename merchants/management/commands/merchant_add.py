from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from merchants.services import onboarding


class Command(JsonCommand):
    help = "Add a merchant with its first store and an API key (shown once)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--currency", default="KRW", help="ISO 4217 alpha-3")
        parser.add_argument("--timezone", default="Asia/Seoul", help="IANA name")

    def answer(self, **options: Any) -> dict[str, Any]:
        made = onboarding.add(
            name=options["name"],
            currency=options["currency"],
            time_zone=options["timezone"],
            actor=self.actor,
            at=self.now,
        )
        return {
            "merchant": made.merchant.reference,
            "name": made.merchant.name,
            "store": made.store.reference,
            "currency": made.merchant.currency,
            "timezone": made.merchant.time_zone,
            "api_key": made.api_key,
        }
