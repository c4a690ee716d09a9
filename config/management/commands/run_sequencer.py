"""``run_sequencer``: number events until SIGTERM or Ctrl-C."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from config import sequencer


class Command(BaseCommand):
    help = "Number committed events, gap-free within each merchant, and hint to the sockets."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        sequencer.run(stop=stop)
