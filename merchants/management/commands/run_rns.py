"""``run_rns``: tell terminals over UDP what became of their payments, until SIGTERM or Ctrl-C."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from merchants.rns import serving
from settlement.selectors import tids


class Command(BaseCommand):
    help = "Serve result notifications over UDP (protocol §4.2); several may serve one address."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.RNS_HOST, help="%(default)s")
        parser.add_argument("--port", type=int, default=settings.RNS_PORT, help="%(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        try:
            serving.serve(host=host, port=port, statuses=tids.statuses)
        except OSError as refused:
            raise CommandError(f"{host}, UDP port {port}: {refused.strerror}") from refused
