from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from merchants.selectors import shops
from merchants.services import api_keys


class Command(JsonCommand):
    help = "Make an API key for a merchant; it is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", required=True, help="the merchant's id")
        parser.add_argument("--name", default="made by command")

    def answer(self, **options: Any) -> dict[str, Any]:
        owner = shops.merchant_named(options["merchant"])
        return {
            "api_key": api_keys.make(
                merchant=owner, name=options["name"], actor=self.actor, at=self.now
            )
        }
