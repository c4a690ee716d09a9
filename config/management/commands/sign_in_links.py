"""Print one-time sign-in links of the demo, one for each role."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.urls import reverse

from config.management.json_command import JsonCommand
from config.people import sign_in_links


class Command(JsonCommand):
    help = "Make a one-time sign-in link for each demo person; links made before end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--origin", default=settings.ORIGIN, help="where the portal is reached")

    def answer(self, **options: Any) -> dict[str, Any]:
        origin = options["origin"].rstrip("/")
        return {
            "links": [
                {
                    "role": str(link.role.label),
                    "name": link.user.name,
                    "url": origin + reverse("demo-sign-in", args=[link.token]),
                }
                for link in sign_in_links.issue(at=self.now)
            ]
        }
