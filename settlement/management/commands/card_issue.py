from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from settlement.services import openings


class Command(JsonCommand):
    help = "Issue a card to a customer, with its opening balance in minor units."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--customer", required=True)
        parser.add_argument("--programme", required=True)
        parser.add_argument("--balance", type=int, default=0, help="minor units")

    def answer(self, **options: Any) -> dict[str, Any]:
        card = openings.issue_to(
            customer=options["customer"],
            programme=options["programme"],
            balance_minor=options["balance"],
            actor=self.actor,
            at=self.now,
        )
        return {
            "card": card.reference,
            "customer": card.account.holder,
            "issuer": card.issuer.reference,
            "programme": card.programme.reference,
            "currency": card.account.currency,
            "last4": card.last4,
            "balance": card.account.balance_minor,
        }
