"""``run_authoriser``: a stand-in for an issuer's own system, until SIGTERM or Ctrl-C."""

import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from issuers.authoriser import server
from issuers.authoriser.book import Book, Failure, Settings


class Command(BaseCommand):
    help = "Decide as an issuer's own system would, on loopback and in memory; no database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="0: any that is free, printed")
        parser.add_argument("--token-file", type=Path, required=True)
        parser.add_argument("--delay-ms", type=int, default=0, help="%(default)s")
        parser.add_argument("--failure", choices=list(Failure), default=Failure.NONE)
        parser.add_argument("--seed", type=int, default=0, help="of --failure mixed")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        settings = Settings(delay_ms=options["delay_ms"], failure=Failure(options["failure"]))
        book = Book(pause=time.sleep, settings=settings, seed=options["seed"])
        token = options["token_file"].read_text().strip()
        try:
            with server.serving(book=book, token=token, port=options["port"]) as port:
                self.stdout.write(f"http://127.0.0.1:{port}")
                self.stdout.flush()
                stop.wait()
        except OSError as refused:
            raise CommandError(f"port {options['port']}: {refused.strerror}") from refused
