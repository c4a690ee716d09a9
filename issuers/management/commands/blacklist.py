"""Block and unblock cards, look at the list, import a file of cards (protocol §9)."""

from argparse import SUPPRESS
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from config.refusals import NotFound, Refused
from issuers import selectors
from issuers.models import BlacklistVersion, Issuer
from issuers.services import blacklist, imports


class FileUnreadable(Refused):
    code = "file_unreadable"
    title = "The file cannot be read"


class Command(JsonCommand):
    help = "Block and unblock cards, look at the list, import a file of cards."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb in ("block", "unblock", "status"):
            one_card = verbs.add_parser(verb)
            one_card.add_argument("--card", required=True)
            if verb == "block":
                one_card.add_argument("--reason", required=True)
        verbs.add_parser("versions").add_argument("--issuer", required=True)
        verbs.add_parser("import").add_argument("file", type=Path)
        for verb_parser in verbs.choices.values():
            # Wherever it stands: before the verb, where the base class reads it, or behind.
            verb_parser.add_argument(
                "--json", action="store_true", default=SUPPRESS, help="print one JSON object"
            )

    def answer(self, **options: Any) -> dict[str, Any]:
        match options["verb"]:
            case "block":
                return self._block(options["card"], options["reason"])
            case "unblock":
                return self._unblock(options["card"])
            case "status":
                return self._status(options["card"])
            case "versions":
                return self._versions(options["issuer"])
            case _:
                return self._import(options["file"])

    def _block(self, card: str, reason: str) -> dict[str, Any]:
        return blacklist.block_and_publish(
            card=selectors.card_of(reference=card),
            reason=reason.upper(),
            at=self.now,
            actor=self.actor,
        ).answer()

    def _unblock(self, card: str) -> dict[str, Any]:
        return blacklist.unblock_and_publish(
            card=selectors.card_of(reference=card), at=self.now, actor=self.actor
        ).answer()

    def _status(self, card: str) -> dict[str, Any]:
        status = selectors.status_of(card=selectors.card_of(reference=card))
        told = {"card": card, "state": status.state, "version": status.version}
        if status.listed_since is not None:
            told["listed_since"] = status.listed_since.strftime("%Y-%m-%dT%H:%M:%SZ")
        return told

    def _versions(self, reference: str) -> dict[str, Any]:
        issuer = Issuer.objects.filter(reference=reference).first()
        if issuer is None:
            raise NotFound
        versions = BlacklistVersion.objects.filter(issuer=issuer).order_by("version")
        return {
            "versions": [
                {
                    "version": version.version,
                    "published_at": version.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "added": version.added,
                    "removed": version.removed,
                    "entries": version.entries,
                }
                for version in versions.iterator()
            ]
        }

    def _import(self, file: Path) -> dict[str, Any]:
        try:
            source = file.read_bytes()
        except OSError as wrong:
            raise FileUnreadable(str(wrong)) from wrong
        job = imports.start(source=source, at=self.now, actor=self.actor)
        return {"job": job.reference}
