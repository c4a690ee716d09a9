from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from wallets.services import customers


class Command(JsonCommand):
    help = "Add a customer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)

    def answer(self, **options: Any) -> dict[str, Any]:
        return {
            "customer": customers.add(name=options["name"], actor=self.actor, at=self.now).reference
        }
