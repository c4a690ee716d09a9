"""``run_authorisations``: ask issuers at their own systems until SIGTERM or Ctrl-C."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from settlement.services import asking


class Command(BaseCommand):
    help = (
        "Ask issuers that decide in a system of their own, reverse there, and tell them of refunds;"
        " any number may run."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        asking.run(stop=stop, clock=timezone.now)
