"""Plain clients of the API: httpx into the WSGI application, signed as devices sign."""

import os
import time

import httpx
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from config.wire import b64
from config.wire.client import PortalSession
from config.wsgi import application


class InTransaction(httpx.WSGITransport):
    """The application inside a test's transaction: a request's end leaves the connection open."""

    def handle_request(self, request):
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        try:
            response = super().handle_request(request)
            response.read()  # reads and closes, which is what ends the request
            return response
        finally:
            for signal in (request_started, request_finished):
                signal.connect(close_old_connections)


def http():
    """Return an HTTP client of the application in this process."""
    return httpx.Client(transport=InTransaction(app=application))


def session_of(*, key, device=None, client=None):
    """Return the signed session of ``device``, or of a key that is not a device's yet."""
    return PortalSession(
        http=client or http(),
        origin=settings.ORIGIN,
        key=key,
        keyid=device.reference if device else b64.encode(key.kid),
        clock=time.time,
        random_bytes=os.urandom,
        sleep=lambda _seconds: None,
        attempts=1,
    )
