"""What a relay answers over HTTP (protocol section 4.1), and how it knows its terminals."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from config.wire.client import COSE, JSON, PortalRefused, PortalSession, PortalUnreachable
from config.wire.errors import WireError
from merchants.devices.relay import NotPaired, PairedTerminal, Relay, RelayRefused
from merchants.devices.relay_http import Answer, Request

RENEW_EVERY_S: Final = 5.0
_APART_S: Final = 0.25  # strangers' bills must not make a relay call the portal without a pause
_PROBLEM: Final = "application/problem+json"
_SLOT_PATH: Final = "/bills/"
_CODES: Final = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    431: "too_large",
    503: "unavailable",
}


class Revoked(RelayRefused):
    """The portal does not know this relay any more."""

    status = 403
    code = "relay_revoked"


class Unavailable(RelayRefused):
    """The portal does not answer whether the terminal is paired."""

    status = 503
    code = "unavailable"


class Pairing:
    """Keeps the relay's terminals as the portal pairs them.

    ``fetch`` asks the portal and blocks; it runs in a thread of its own.
    """

    def __init__(
        self,
        *,
        relay: Relay,
        fetch: Callable[[], list[PairedTerminal]],
    ) -> None:
        self._relay = relay
        self._fetch = fetch
        self._asking = asyncio.Lock()
        self._began = float("-inf")

    async def renew(self, *, since: float | None = None) -> None:
        """Ask the portal, unless it was asked after ``since`` already.

        :raises Revoked: it does not know this relay
        :raises Unavailable: it does not answer
        """
        since = time.monotonic() if since is None else since
        async with self._asking:
            if self._began >= since:
                return
            await asyncio.sleep(max(0.0, self._began + _APART_S - time.monotonic()))
            self._began = time.monotonic()
            try:
                self._relay.pair(await asyncio.to_thread(self._fetch))
            except PortalRefused as refused:
                self._relay.pair([])
                raise Revoked from refused
            except (PortalUnreachable, LookupError, TypeError, WireError) as lost:
                raise Unavailable from lost

    async def keep(self, *, note: Callable[[str], None]) -> None:
        """Renew for ever; ``note`` is told when the portal's word changes."""
        told = ""
        while True:
            try:
                await self.renew()
                heard = "The portal answers."
            except RelayRefused as refused:
                heard = str(refused.__doc__)
            if heard != told:
                note(heard)
            told = heard
            await asyncio.sleep(RENEW_EVERY_S)


def fetch_terminals(session: PortalSession) -> list[PairedTerminal]:
    """Return the terminals that the portal pairs with this relay.

    :raises PortalRefused: it does not know this relay
    :raises PortalUnreachable: no answer
    :raises WireError: a key that is none
    """
    entries = session.get("/relay/terminals").json()["terminals"]
    return [PairedTerminal.of_portal(entry) for entry in entries]


class Desk:
    """Answers requests. ``clock``: the server's time as far as the relay knows it, epoch seconds.

    Pages of ``origin``, the portal's, may read bills from a browser; pages of others may not.
    """

    def __init__(
        self, *, relay: Relay, pairing: Pairing, clock: Callable[[], float], origin: str
    ) -> None:
        self._relay = relay
        self._pairing = pairing
        self._clock = clock
        self._origin = origin

    async def answer(self, request: Request) -> Answer:
        """Return the answer to one request; a refusal is a problem (RFC 9457)."""
        try:
            answer = await self._route(request)
        except RelayRefused as refused:
            answer = problem(refused.status, refused.code, detail=str(refused.__doc__))
        return self._identified(answer)

    def _identified(self, answer: Answer) -> Answer:
        headers = {
            "cache-control": "no-store",
            "x-request-id": uuid.uuid4().hex,
            "access-control-allow-origin": self._origin,
        }
        return Answer(status=answer.status, body=answer.body, headers={**headers, **answer.headers})

    async def _route(self, request: Request) -> Answer:
        if request.path in ("/healthz", "/bills"):
            if request.method != "GET":
                return problem(405, allow="GET")
            if request.path == "/healthz":
                return _json(200, {"device": self._relay.device})
            return self._list()
        if not request.path.startswith(_SLOT_PATH):
            return problem(404)
        slot = request.path.removeprefix(_SLOT_PATH)
        acts: dict[str, Callable[[str, Request], Awaitable[Answer]]] = {
            "GET": self._read,
            "PUT": self._put,
            "DELETE": self._clear,
        }
        act = acts.get(request.method)
        if act is None:
            return problem(405, allow=", ".join(acts))
        return await act(slot, request)

    def _list(self) -> Answer:
        bills = [
            {
                "slot": held.slot,
                "merchant": held.bill.merchant,
                "order": held.bill.order,
                "expires_at": _text(held.bill.expires),
            }
            for held in self._relay.bills(at=self._clock())
        ]
        return _json(200, {"bills": bills})

    async def _read(self, slot: str, request: Request) -> Answer:
        data = self._relay.read(slot=slot, at=self._clock())
        return Answer(status=200, body=data, headers={"content-type": COSE})

    async def _put(self, slot: str, request: Request) -> Answer:
        if request.media_type != COSE:
            return problem(415)

        def put() -> Answer:
            expires = self._relay.put(slot=slot, data=request.body, at=self._clock())
            return _json(201, {"slot": slot, "expires_at": _text(expires)})

        return await self._once_paired(put)

    async def _clear(self, slot: str, request: Request) -> Answer:
        if request.media_type not in (COSE, ""):
            return problem(415)

        def clear() -> Answer:
            self._relay.clear(slot=slot, data=request.body, at=self._clock())
            return Answer(status=204)

        return await self._once_paired(clear)

    async def _once_paired(self, act: Callable[[], Answer]) -> Answer:
        """Do what a terminal wants; one that is not known may have been paired just now."""
        asked_at = time.monotonic()
        try:
            return act()
        except NotPaired:
            await self._pairing.renew(since=asked_at)
            return act()


def problem(status: int, code: str = "", *, detail: str = "", allow: str = "") -> Answer:
    """Return a refusal as a problem document (RFC 9457)."""
    title = HTTPStatus(status).phrase
    code = code or _CODES.get(status, "malformed")
    body: dict[str, Any] = {
        "type": f"urn:paydesk:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "code": code,
    }
    if code == "invalid":
        body["errors"] = [{"field": "slot", "code": "invalid", "detail": detail}]
    headers = {"content-type": _PROBLEM, "x-request-id": uuid.uuid4().hex}
    if allow:
        headers["allow"] = allow
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = "1"
    return Answer(status=status, body=json.dumps(body).encode(), headers=headers)


def _json(status: int, document: Mapping[str, Any]) -> Answer:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Answer(status=status, body=body, headers={"content-type": JSON})


def _text(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
