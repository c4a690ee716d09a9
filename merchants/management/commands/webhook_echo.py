"""``webhook_echo``: the demo's receiver of webhooks. It knows every secret: not for use."""

import json
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from config.stack import certificate
from merchants.devices.webhooks import Message, Receiver
from merchants.services.webhooks import endpoints


class Command(BaseCommand):
    help = "Take webhooks on this machine, verify them and show what came (the demo only)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not (settings.DEMO and settings.WEBHOOK_ECHO and settings.WEBHOOK_TRUST):
            raise CommandError("The echo receiver is a part of the demo.")
        address = urlsplit(settings.WEBHOOK_ECHO)
        pem = certificate.ready(
            folder=Path(settings.WEBHOOK_TRUST).parent,
            names=certificate.HERE,
            at=timezone.now(),
        )
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem)
        origin = f"{address.scheme}://{address.netloc}"

        def secrets(path: str) -> list[str]:
            try:
                return endpoints.secrets_at(url=origin + path, at=timezone.now())
            finally:
                connection.close()  # that of the request's own thread

        with Receiver(secrets=secrets, told=self._tell).serving(tls=tls, port=address.port or 0):
            threading.Event().wait()

    def _tell(self, message: Message) -> None:
        told = {"webhook_id": message.webhook_id, "answer": message.answer, "first": message.first}
        self.stdout.write(json.dumps(told | {"refused": message.refused}))
