"""``run_webhooks``: deliver webhooks until SIGTERM or Ctrl-C."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from merchants.services.webhooks import runner


class Command(BaseCommand):
    help = "Send merchants' events to their webhooks; any number may run."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        runner.run(stop=stop, clock=timezone.now)
