"""List the card programmes of all issuers (protocol §9)."""

from typing import Any

from config.management.json_command import JsonCommand
from issuers.models import Programme


class Command(JsonCommand):
    help = "List the card programmes of all issuers."

    def answer(self, **_options: Any) -> dict[str, Any]:
        programmes = Programme.objects.select_related("issuer").order_by("pk")
        return {
            "programmes": [
                {
                    "programme": programme.reference,
                    "issuer": programme.issuer.reference,
                    "currency": programme.currency,
                    "kind": programme.kind,
                }
                for programme in programmes
            ]
        }
