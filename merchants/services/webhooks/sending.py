"""One attempt: resolve the name once, judge what it leads to, connect to that very address.

Nothing here touches the database. Every wait is within the time of the whole attempt.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
from django.conf import settings

from merchants.rules import targets
from merchants.rules.targets import Target, TargetRefused
from merchants.services.webhooks.leases import Outcome, Parcel
from merchants.wire import webhooks as wire

CONNECT_S: Final = 3.0  # and as long again for TLS
TOTAL_S: Final = 10.0
ANSWER_MAX: Final = 500  # bytes that are read and kept; the rest is not waited for
_AGENT: Final = "Paydesk-Webhooks/1"

type Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Return the addresses of a host: name and port in, text out."""


def trust() -> ssl.SSLContext:
    """Return what certificates are checked against: the system's authorities, and those of tests.

    :raises OSError: ``WEBHOOK_TRUST`` names no file of certificates
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.WEBHOOK_TRUST:
        context.load_verify_locations(cafile=settings.WEBHOOK_TRUST)
    return context


def resolver(executor: Executor) -> Resolve:
    """Return a way to ask the system for addresses, in threads of ``executor``."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            executor, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(sockaddr[0]) for _family, _kind, _protocol, _name, sockaddr in found]

    return resolve


async def send(
    *, parcel: Parcel, client: httpx.AsyncClient, resolve: Resolve, clock: Callable[[], datetime]
) -> Outcome:
    """Make one attempt, and return what it met with; it never raises for what a receiver does."""
    began_at, began = clock(), time.monotonic()
    status, error, answer = None, "", b""
    try:
        async with asyncio.timeout(TOTAL_S):
            target = targets.parse(url=parcel.url, allowed=settings.WEBHOOK_ALLOW)
            address = await _address(target, resolve)
            status, answer = await _post(parcel, client, target, address, int(began_at.timestamp()))
        error = _verdict(status)
    except TargetRefused:
        error = "target_refused"
    except (TimeoutError, httpx.TimeoutException):
        error = "timeout"
    except (OSError, UnicodeError, httpx.HTTPError, httpx.InvalidURL) as failed:
        error = _cause(failed)
    return Outcome(
        parcel=parcel,
        began_at=began_at,
        duration_ms=round((time.monotonic() - began) * 1000),
        status=status,
        error=error,
        answer=answer,
    )


def client_of(context: ssl.SSLContext, *, places: int) -> httpx.AsyncClient:
    """Return the client of all attempts: no proxy, no cookie, no redirect, no kept connection.

    A connection that is kept would be one to an address nobody judged at this attempt.
    """
    return httpx.AsyncClient(
        verify=context,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(TOTAL_S, connect=CONNECT_S),
        limits=httpx.Limits(max_connections=places, max_keepalive_connections=0),
    )


async def _address(target: Target, resolve: Resolve) -> str:
    found = await resolve(target.host, target.port)
    if target.place in settings.WEBHOOK_ALLOW:
        return found[0]
    return str(targets.judge(addresses=found)[0])


async def _post(
    parcel: Parcel, client: httpx.AsyncClient, target: Target, address: str, timestamp: int
) -> tuple[int, bytes]:
    """Post to ``address``, which stands in the URL; SNI, certificate and Host have the name."""
    body = parcel.body.encode()
    signed = wire.headers(
        secrets=parcel.secrets, webhook_id=parcel.webhook_id, timestamp=timestamp, body=body
    )
    place = f"[{address}]" if ":" in address else address
    async with client.stream(
        "POST",
        f"https://{place}:{target.port}{target.path}",
        content=body,
        headers={
            "Host": target.authority,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": _AGENT,
            **signed,
        },
        extensions={"sni_hostname": target.host},
    ) as response:
        return response.status_code, await _beginning(response)


async def _beginning(response: httpx.Response) -> bytes:
    kept = b""
    async for block in response.aiter_raw(ANSWER_MAX):
        kept += block
        if len(kept) >= ANSWER_MAX:
            break
    return kept[:ANSWER_MAX]


def _verdict(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return "redirect" if 300 <= status < 400 else "status"


def _cause(failed: Exception) -> str:
    """Return a word for what went wrong, from what lies at the bottom of it."""
    causes, cause = [], failed
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    for kind, word in (
        (socket.gaierror, "name_unknown"),
        (ssl.SSLCertVerificationError, "certificate"),
        (ssl.SSLError, "tls"),
        (httpx.ConnectError, "unreachable"),
    ):
        if any(isinstance(each, kind) for each in causes):
            return word
    return "broken_off"
