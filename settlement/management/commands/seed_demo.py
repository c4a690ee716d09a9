"""``seed_demo``: the demo's issuer, shops, customers and people; a second run changes nothing."""

from typing import Any

from config.management.json_command import JsonCommand
from settlement.services import demo


class Command(JsonCommand):
    help = "Make the demo's issuer, shops, customers with cards, and one person for each role."

    def answer(self, **options: Any) -> dict[str, Any]:
        return demo.seed(at=self.now).answer()
