"""``keys_roll``: announce a new signing key of the platform or of an issuer."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from config import rollover
from config.management.json_command import JsonCommand
from config.wire import b64


class Command(JsonCommand):
    help = "Announce a new signing key; it signs from --from on, seven days from now unless said."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--holder", required=True, help="platform, or an issuer")
        parser.add_argument("--from", dest="begins", type=_time, help="RFC 3339, with Z or offset")
        parser.add_argument("--urgent", action="store_true", help="do not wait for devices away")

    def answer(self, **options: Any) -> dict[str, Any]:
        made = rollover.announce(
            holder=options["holder"],
            begins=options["begins"],
            urgent=options["urgent"],
            actor=self.actor,
            at=self.now,
        )
        return {
            "holder": made.holder,
            "key": made.name,
            "public_key": b64.encode(bytes(made.public_key)),
            "from": _text(made.active_from),
            "until": _text(made.active_until),
        }


def _time(text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise CommandError(f"{text} is not a time.") from wrong
    if told.tzinfo is None:
        raise CommandError(f"{text} does not say its zone: add Z.")
    return told


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
