"""Sockets: who may shake hands, and where each leads.

A browser always sends Origin, and it must be ours, or another site's page could ride on a session.
Without one it is a device or a server, and then no session counts.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.urls import URLPattern, re_path
from django.utils import timezone

from config import following, health

FOREIGN_ORIGIN: Final = 4403
NOWHERE: Final = 4404
PART: Final = "sockets"
_SWITCH_S: Final = 0.0005  # how long a thread that checks rights may keep the loop waiting
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_PROVES_ITSELF: Final = frozenset({b"signature", b"authorization"})

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class AllowedOrigins:
    """ASGI middleware: refuses handshakes of foreign pages with 403, before any accept."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin")
        if origin is None and _proves_itself(scope):
            await self.application(_without_session(scope), receive, send)
        elif origin is not None and is_ours(origin.decode("latin-1")):
            await self.application(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": FOREIGN_ORIGIN})


def is_ours(origin: str) -> bool:
    """Return whether ``origin`` is the portal's; in the demo, any loopback name on its port."""
    ours = urlsplit(settings.ORIGIN)
    try:
        theirs = urlsplit(origin)
        same_port = _port(theirs) == _port(ours)
    except ValueError:
        return False
    if theirs.path or theirs.query or theirs.scheme != ours.scheme or not same_port:
        return False
    named = {ours.hostname, *(name.strip("[]") for name in _LOOPBACK if settings.DEMO)}
    return theirs.username is None and theirs.hostname in named


def handshake_uri(scope: Scope) -> str:
    """Return ``@target-uri`` of a handshake in its http(s) form, as a device signs it.

    The origin is the sockets' own, in the demo the one asked for.
    """
    origin: str = "http" + settings.SOCKETS_ORIGIN.rstrip("/").removeprefix("ws")
    host = _header(scope, b"host")
    if settings.DEMO and host is not None:
        origin = f"{urlsplit(origin).scheme}://{host.decode('latin-1')}"
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"")
    told: bytes = path + (b"?" + query if query else b"")
    return origin + told.decode("latin-1")


def handshake_headers(scope: Scope) -> dict[str, str]:
    """Return a handshake's headers by lower-case name, repeated ones joined (RFC 9110 §5.3)."""
    joined: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


class Nowhere(AsyncWebsocketConsumer):  # type: ignore[misc]  # untyped base
    """What no route takes: closed before it opens."""

    async def connect(self) -> None:
        await self.close(code=NOWHERE)


async def lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Beat as long as the server runs, from its own event loop: silence then means that it hangs.

    ASGI's lifespan protocol: a server imports the application before its loop runs.
    """
    await receive()
    sys.setswitchinterval(_SWITCH_S)
    beating = asyncio.create_task(_beat_for_ever())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    beating.cancel()
    await following.stop()
    await send({"type": "lifespan.shutdown.complete"})


async def _beat_for_ever() -> None:
    while True:
        with suppress(DatabaseError, InterfaceError):
            await database_sync_to_async(health.beat)(part=PART, at=timezone.now())
        await asyncio.sleep(health.EVERY_S)


def routes() -> list[URLPattern]:
    """Return the socket routes of every app in ``SOCKET_ROUTES``, and one that refuses the rest."""
    found = [
        pattern
        for module in settings.SOCKET_ROUTES
        for pattern in import_module(module).websocket_urlpatterns
    ]
    return [*found, re_path(r"", Nowhere.as_asgi())]


def _header(scope: Scope, name: bytes) -> bytes | None:
    values = [value for key, value in scope["headers"] if key.lower() == name]
    return values[0] if len(values) == 1 else (b"" if values else None)


def _proves_itself(scope: Scope) -> bool:
    names = {key.lower() for key, _value in scope["headers"]}
    return bool(names & _PROVES_ITSELF) or b"ticket=" in scope.get("query_string", b"")


def _without_session(scope: Scope) -> Scope:
    headers = [(key, value) for key, value in scope["headers"] if key.lower() != b"cookie"]
    return scope | {"headers": headers}


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
