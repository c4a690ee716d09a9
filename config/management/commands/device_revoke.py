"""``device_revoke``: end a device; its next request is refused (protocol section 9)."""

from typing import Any

from django.core.management.base import CommandParser

from config import devices
from config.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "Revoke a device."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--device", required=True)

    def answer(self, **options: Any) -> dict[str, Any]:
        device = devices.revoke(reference=options["device"], actor=self.actor, at=self.now)
        return {"device": device.reference, "state": device.state}
