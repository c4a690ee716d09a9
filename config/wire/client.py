"""The portal as a device sees it: every request signed (RFC 9421), retried where that is safe.

A POST always carries an Idempotency-Key, and a retry is the same bytes under the same key, freshly
signed; so a lost answer is asked for again without moving money twice (protocol section 1).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import httpx

from config.wire import b64, httpsig
from config.wire.keys import SigningKey

API: Final = "/api/v1"
JSON: Final = "application/json"
COSE: Final = "application/cose"
_NONCE_BYTES: Final = 16
_BACK_OFF_S: Final = 0.5
_PATIENCE_S: Final = 10.0  # a longer Retry-After is the caller's to wait for


class PortalUnreachable(Exception):
    """No answer that decides anything: no connection, a cut one, or a portal that is down.

    The request may have been carried out; asking again under the same key tells.
    """


class PortalRefused(Exception):
    """The portal answered with a problem (RFC 9457); ``code`` is its stable code.

    ``retry_after_s``: after how many seconds it wants to be asked again, 0 where it did not say.
    """

    def __init__(
        self, *, status: int, problem: Mapping[str, Any], retry_after_s: float = 0.0
    ) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail", ""))
        self.problem = dict(problem)
        super().__init__(f"{status} {self.code}: {self.detail}")


class _Busy(Exception):
    """A refusal that waiting may turn into an answer."""

    def __init__(self, *, refusal: PortalRefused) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer of the portal."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the object the body holds.

        :raises PortalUnreachable: something other than the portal answered
        """
        document = _object(self.body)
        if document is None:
            raise PortalUnreachable("The answer is not the portal's.")
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    until: float | None = None  # by the device's clock


class PortalSession:
    """Signed requests of one device to one portal.

    Clock (epoch seconds), randomness and waiting are passed in. The server's clock decides: after
    a ``signature_expired`` the session signs by the server's time.
    """

    def __init__(
        self,
        *,
        http: httpx.Client,
        origin: str,
        key: SigningKey,
        keyid: str,
        clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        sleep: Callable[[float], None],
        attempts: int = 4,
    ) -> None:
        self._http = http
        self._origin = origin.rstrip("/")
        self._key = key
        self._keyid = keyid
        self._clock = clock
        self._random_bytes = random_bytes
        self._sleep = sleep
        self._attempts = attempts
        self.offset_s = 0.0  # the server's clock less this device's

    def now(self) -> int:
        """Return the server's time as far as the device knows it, epoch seconds."""
        return int(self._clock() + self.offset_s)

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for ``path`` (below ``/api/v1``).

        :raises PortalRefused: the portal answered with a problem
        :raises PortalUnreachable: it gave no answer after the last attempt
        """
        return self._ask(_Request(method="GET", path=path, headers=headers or {}, body=b""))

    def post(
        self,
        path: str,
        *,
        body: Mapping[str, Any] | bytes | None = None,
        idempotency_key: str | None = None,
        within_s: float | None = None,
    ) -> Answer:
        """Post JSON (a mapping), a signed object (bytes) or nothing to ``path``.

        Without ``idempotency_key`` the call gets one of its own. Pass one where the act must stay
        one act even across a restart of the device. ``within_s``: seconds after which nothing is
        waited for any more, all attempts together.

        :raises PortalRefused: the portal answered with a problem
        :raises PortalUnreachable: it gave no answer after the last attempt
        """
        content_type = COSE if isinstance(body, bytes) else JSON
        content = body if isinstance(body, bytes) else _json_bytes(body)
        key = idempotency_key or b64.encode(self._random_bytes(_NONCE_BYTES))
        headers = {"idempotency-key": key} | ({"content-type": content_type} if content else {})
        until = None if within_s is None else self._clock() + within_s
        return self._ask(
            _Request(method="POST", path=path, headers=headers, body=content, until=until)
        )

    def delete(self, path: str) -> Answer:
        """Take away what ``path`` names; asked again it answers the same.

        :raises PortalRefused: the portal answered with a problem
        :raises PortalUnreachable: it gave no answer after the last attempt
        """
        return self._ask(_Request(method="DELETE", path=path, headers={}, body=b""))

    def _ask(self, request: _Request) -> Answer:
        try:
            return self._persist(request)
        except PortalRefused as refused:
            if refused.code != "signature_expired":
                raise
            self._adopt(refused.problem)
            return self._persist(request)

    def _persist(self, request: _Request) -> Answer:
        """Send ``request`` until something is decided or the last attempt is spent."""
        for attempt in range(self._attempts - 1):
            try:
                return self._send(request)
            except PortalUnreachable:
                self._pause(attempt, asked_s=0.0)
            except _Busy as busy:
                if busy.refusal.retry_after_s > _PATIENCE_S:
                    raise busy.refusal from busy
                self._pause(attempt, asked_s=busy.refusal.retry_after_s)
        try:
            return self._send(request)
        except _Busy as busy:
            raise busy.refusal from busy

    def _send(self, request: _Request) -> Answer:
        built = self._http.build_request(
            request.method,
            self._origin + API + request.path,
            headers=dict(request.headers),
            content=request.body or None,
            timeout=self._timeout(request),
        )
        # What httpx made of the address is what goes out, so that is what gets signed.
        signed = httpsig.sign_request(
            key=self._key,
            keyid=self._keyid,
            method=request.method,
            target_uri=str(built.url),
            headers=request.headers,
            body=request.body,
            created=self.now(),
            nonce=self._random_bytes(_NONCE_BYTES),
        )
        built.headers.update(signed)
        try:
            response = self._http.send(built)
        except httpx.RequestError as lost:
            raise PortalUnreachable(str(lost)) from lost
        return _judged(response)

    def _timeout(self, request: _Request) -> httpx.Timeout:
        if request.until is None:
            return self._http.timeout
        left_s = request.until - self._clock()
        if left_s <= 0:
            raise PortalUnreachable("No answer in time.")
        return httpx.Timeout(left_s)

    def _pause(self, attempt: int, *, asked_s: float) -> None:
        # Up to half as much again, so that a shop full of readers does not come back in step.
        spread = 1 + self._random_bytes(1)[0] / 512
        self._sleep(max(asked_s, _BACK_OFF_S * 2**attempt) * spread)

    def _adopt(self, problem: Mapping[str, Any]) -> None:
        try:
            server_time = datetime.fromisoformat(str(problem.get("server_time"))).timestamp()
        except ValueError as wrong:
            raise PortalUnreachable("The portal did not tell its time.") from wrong
        self.offset_s = server_time - self._clock()


def enrol(
    *,
    session: PortalSession,
    code: str,
    kind: str,
    name: str,
    public_key: bytes,
    app_serial: str | None = None,
    psn_key: bytes | None = None,
) -> dict[str, Any]:
    """Enrol a device with its one-time code and return the answer of ``POST /enrolments``.

    ``session`` signs with the new key, its ``keyid`` being base64url of that key's kid.

    :raises PortalRefused: ``enrolment_code_invalid`` above all
    :raises PortalUnreachable: no answer
    """
    body = {"code": code, "kind": kind, "name": name, "public_key": b64.encode(public_key)}
    if app_serial is not None:
        body["app_serial"] = app_serial
    if psn_key is not None:
        body["psn_key"] = b64.encode(psn_key)
    return session.post("/enrolments", body=body).json()


def discover(*, http: httpx.Client, origin: str) -> dict[str, Any]:
    """Return ``{version, sockets, rns, platform_key}`` of the portal at ``origin``; not signed.

    :raises PortalUnreachable: no portal answers there
    """
    try:
        response = http.get(origin.rstrip("/") + API + "/")
    except httpx.RequestError as lost:
        raise PortalUnreachable(str(lost)) from lost
    document = _object(response.content)
    if response.is_error or document is None:
        raise PortalUnreachable(f"{origin} answers {response.status_code}.")
    return document


def _judged(response: httpx.Response) -> Answer:
    """Return the answer of a success; raise what else the portal said, or that it said nothing."""
    if not response.is_error:
        return Answer(status=response.status_code, headers=response.headers, body=response.content)
    if response.is_server_error:
        raise PortalUnreachable(f"The portal answers {response.status_code}.")
    asked = response.headers.get("retry-after", "")
    refusal = PortalRefused(
        status=response.status_code,
        problem=_object(response.content) or {},
        retry_after_s=float(asked) if asked.isdecimal() else 0.0,
    )
    waits = response.status_code == HTTPStatus.TOO_MANY_REQUESTS
    if waits or refusal.code == "idempotency_in_progress":
        raise _Busy(refusal=refusal)
    raise refusal


def _json_bytes(body: Mapping[str, Any] | None) -> bytes:
    return b"" if body is None else json.dumps(body, separators=(",", ":")).encode()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
