"""Handshakes: only our own pages bring a session; devices and servers prove themselves."""

import json
import os
import time

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.urls import path, re_path
from django.utils import timezone

from config import signatures
from config.models import Heartbeat
from config.sockets import (
    AllowedOrigins,
    Nowhere,
    handshake_headers,
    handshake_uri,
    is_ours,
    lifespan,
)
from config.wire import httpsig
from tests.factories.wallets import enrolled_phone

# Leaving a handler, Channels closes old database connections.
pytestmark = pytest.mark.django_db


class Mirror(AsyncWebsocketConsumer):
    """Says which headers reached it."""

    async def connect(self):
        await self.accept()
        await self.send(text_data=json.dumps([name.decode() for name, _v in self.scope["headers"]]))


application = AllowedOrigins(
    URLRouter([path("ws/v1/mirror", Mirror.as_asgi()), re_path(r"", Nowhere.as_asgi())])
)


async def shake(*headers, path="/ws/v1/mirror"):
    """Return the names of the headers that reached the consumer, or None when refused."""
    told = [(name.encode(), value.encode()) for name, value in headers]
    socket = WebsocketCommunicator(application, path, headers=told)
    accepted, _code = await socket.connect()
    seen = set(json.loads(await socket.receive_from())) if accepted else None
    await socket.disconnect()
    return seen


COOKIE = ("cookie", "paydesk=session")


class TestAHandshake:
    async def test_of_our_own_page_brings_its_session(self, settings):
        assert "cookie" in await shake(("origin", settings.ORIGIN), COOKIE)

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "https://127.0.0.1:8000",
            "http://127.0.0.1:8001",
            "http://127.0.0.1",
            "http://127.0.0.1:8000.evil.example",
            "http://127.0.0.1:8000@evil.example",
            "http://user@127.0.0.1:8000",
            "http://localhost:8000",
            "http://127.0.0.1:8000/page",
            "http://127.0.0.1:port",
            "http://[::1",
            "null",
            "",
        ],
    )
    async def test_of_a_foreign_page_is_refused(self, settings, origin):
        settings.ORIGIN = "http://127.0.0.1:8000"

        assert await shake(("origin", origin), COOKIE) is None

    async def test_with_two_origins_is_refused(self, settings):
        assert await shake(("origin", settings.ORIGIN), ("origin", settings.ORIGIN)) is None

    async def test_without_an_origin_is_refused(self):
        assert await shake(COOKIE) is None

    @pytest.mark.parametrize("proof", [("signature", "sig1=::"), ("authorization", "Bearer x")])
    async def test_of_a_machine_needs_no_origin_and_brings_no_session(self, proof):
        seen = await shake(proof, COOKIE)

        assert proof[0] in seen
        assert "cookie" not in seen

    async def test_with_a_ticket_needs_no_origin(self):
        assert await shake(COOKIE, path="/ws/v1/mirror?ticket=x") == set()

    async def test_to_nowhere_is_refused(self, settings):
        assert await shake(("origin", settings.ORIGIN), path="/ws/v1/nowhere") is None


class TestTheDemo:
    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
    def test_takes_every_loopback_name_on_the_port(self, settings, name):
        settings.DEMO, settings.ORIGIN = True, "http://127.0.0.1:8000"

        assert is_ours(f"http://{name}:8000")
        assert not is_ours(f"http://{name}:8001")

    def test_of_standard_ports_needs_none_named(self, settings):
        settings.ORIGIN = "https://pay.example"

        assert is_ours("https://pay.example:443")


class TestASignedHandshake:
    @pytest.mark.django_db(transaction=True)  # its rows are written by another thread
    @pytest.mark.parametrize("demo", [True, False])
    async def test_names_its_device(self, settings, demo):
        settings.DEMO, settings.SOCKETS_ORIGIN = demo, "ws://127.0.0.1:8001"
        device, key = await sync_to_async(enrolled_phone)()
        uri = "http://127.0.0.1:8001/ws/v1/wallet?after=7"
        signed = httpsig.sign_request(
            key=key,
            keyid=device.reference,
            method="GET",
            target_uri=uri,
            headers={},
            body=b"",
            created=int(time.time()),
            nonce=os.urandom(16),
        )
        sent = [(name.lower().encode(), value.encode()) for name, value in signed.items()]
        scope = {
            "path": "/ws/v1/wallet",
            "query_string": b"after=7",
            "headers": [(b"host", b"127.0.0.1:8001"), *sent],
        }

        found = await sync_to_async(signatures.verify_request)(
            method="GET",
            target_uri=handshake_uri(scope),
            headers=handshake_headers(scope),
            body=b"",
            at=timezone.now(),
        )

        assert found == device


@pytest.mark.django_db(transaction=True)
async def test_the_server_beats_from_start_to_shutdown():
    server = ApplicationCommunicator(lifespan, {"type": "lifespan"})

    await server.send_input({"type": "lifespan.startup"})
    assert (await server.receive_output())["type"] == "lifespan.startup.complete"
    await server.receive_nothing(timeout=0.5)
    assert await Heartbeat.objects.filter(part="sockets").aexists()
    await server.send_input({"type": "lifespan.shutdown"})
    assert (await server.receive_output())["type"] == "lifespan.shutdown.complete"
