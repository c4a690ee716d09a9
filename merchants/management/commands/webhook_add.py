from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from merchants.selectors import shops, webhooks
from merchants.services.webhooks import endpoints


class Command(JsonCommand):
    help = "Send a merchant's events to an https address; the secret is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", required=True, help="the merchant's id")
        parser.add_argument("--url", required=True)
        parser.add_argument("--description", default="made by command")
        parser.add_argument(
            "--event", action="append", default=[], help="such as payment.approved; all without"
        )

    def answer(self, **options: Any) -> dict[str, Any]:
        made = endpoints.add(
            merchant=shops.merchant_named(options["merchant"]),
            url=options["url"],
            description=options["description"],
            event_types=options["event"],
            actor=self.actor,
            at=self.now,
        )
        return webhooks.as_told(made.endpoint) | {"secret": made.secret}
