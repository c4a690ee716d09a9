"""``benefit_grant``: give a customer a benefit at a merchant (protocol §9)."""

from typing import Any

from django.core.management.base import CommandParser

from benefits.rules.vocabulary import Kind
from benefits.services.catalogue import Terms
from benefits.services.offering import Offered, grant_alone
from config.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "Give a customer a benefit at a merchant: one use within 30 days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--customer", required=True)
        parser.add_argument("--merchant", required=True)
        parser.add_argument("--kind", required=True, choices=[kind.value for kind in Kind])
        parser.add_argument("--currency", required=True)
        worth = parser.add_mutually_exclusive_group()
        worth.add_argument("--amount", type=int, help="minor units; of a balance, what is on it")
        worth.add_argument("--percent-bps", type=int)
        parser.add_argument("--cap", type=int)
        parser.add_argument("--min-purchase", type=int, default=0)
        parser.add_argument("--stack-group", default="")
        parser.add_argument("--sponsor", help="reference, or a brand's name; else the merchant")
        parser.add_argument("--programme", help="whose cards bring a card discount")
        parser.add_argument("--sku", action="append", default=[])

    def answer(self, **options: Any) -> dict[str, Any]:
        terms = Terms(
            name=options["kind"],
            kind=Kind(options["kind"]),
            currency=options["currency"],
            percent_bps=options["percent_bps"],
            cap_minor=options["cap"],
            min_purchase_minor=options["min_purchase"],
            stack_group=options["stack_group"],
            skus=tuple(options["sku"]),
        )
        offered = Offered(
            customer=options["customer"],
            merchant=options["merchant"],
            amount_minor=options["amount"],
            sponsor=options["sponsor"],
            programme=options["programme"],
        )
        holding = grant_alone(offered=offered, terms=terms, actor=self.actor, at=self.now)
        return {"benefit": holding.reference}
