from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from config.management.json_command import JsonCommand
from merchants.selectors import webhooks
from merchants.services.webhooks import replays


class Command(JsonCommand):
    help = "Send a webhook's message again under its id, or all that were given up since a time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--webhook", required=True, help="the webhook's id, WHE-…")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--id", help="the message's webhook-id")
        what.add_argument("--failed-since", help="RFC 3339: 2026-12-24T03:00:00Z")

    def answer(self, **options: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "endpoint": webhooks.webhook_named(reference=options["webhook"]),
            "actor": self.actor,
            "at": self.now,
        }
        if options["id"]:
            delivery = replays.replay(**asked, webhook_id=options["id"])
            return {"webhook": options["webhook"], "replayed": [delivery.webhook_id]}
        since = parse_datetime(options["failed_since"])
        if since is None or since.tzinfo is None:
            raise CommandError("--failed-since takes a time with its zone: 2026-12-24T03:00:00Z")
        return {
            "webhook": options["webhook"],
            "replayed_count": replays.replay_failed(**asked, since=since),
        }
