from typing import Any

from django.core.management.base import CommandParser

from config.devices import device_named
from config.management.json_command import JsonCommand
from merchants.services import relays


class Command(JsonCommand):
    help = "Let a terminal leave its bills at a relay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--relay", required=True, metavar="DEVICE")
        parser.add_argument("--terminal", required=True, metavar="DEVICE")

    def answer(self, **options: Any) -> dict[str, Any]:
        relay = device_named(reference=options["relay"])
        terminal = device_named(reference=options["terminal"])
        relays.pair(relay=relay, terminal=terminal, actor=self.actor, at=self.now)
        return {"relay": relay.reference, "terminal": terminal.reference}
