from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from config.refusals import NotFound
from issuers.models import Issuer
from issuers.services import authorisers


class Command(JsonCommand):
    help = "Ask an issuer at a system of its own from now on, or decide for it here again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--issuer", required=True, help="the issuer's id")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--url", help="https://host[:port][/path]; http on this machine alone")
        what.add_argument("--off", action="store_true", help="decide for it here again")
        parser.add_argument("--token-file", type=Path, help="holds the bearer token for --url")

    def answer(self, **options: Any) -> dict[str, Any]:
        issuer = Issuer.objects.filter(reference=options["issuer"]).first()
        if issuer is None:
            raise NotFound("There is no such issuer.")
        asked: dict[str, Any] = {"issuer": issuer, "at": self.now, "actor": self.actor}
        if options["off"]:
            authorisers.leave(**asked)
            return {"issuer": issuer.reference, "authoriser": None}
        token = options["token_file"].read_text().strip() if options["token_file"] else ""
        row = authorisers.use(**asked, url=options["url"], token=token)
        return {"issuer": issuer.reference, "authoriser": row.url}
