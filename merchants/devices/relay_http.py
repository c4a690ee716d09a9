"""A small HTTP/1.1 server for a relay: one request a connection, everything bounded.

Anybody in the shop may connect, so nobody may hold it: a request has to be there whole within some
seconds, headers and body are short, and when too many connections are open the one that has waited
longest gives way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

import h11

HEAD_BYTES_MAX: Final = 8 * 1024
BODY_BYTES_MAX: Final = 4096
REQUEST_WITHIN_S: Final = 5.0
ANSWER_WITHIN_S: Final = 10.0
CONNECTIONS_MAX: Final = 64
_CHUNK: Final = 4096
_LINGER_S: Final = 1.0
_LINGER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole request; ``media_type`` in lower case without parameters, empty where unsaid."""

    method: str
    path: str
    media_type: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back; the connection is closed after it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


type Handle = Callable[[Request], Awaitable[Answer]]
type Refuse = Callable[[int], Answer]


class NotTaken(Exception):
    """The request is answered by ``status`` before anybody looked at what it wants."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Door:
    """Lets connections in. ``handle`` answers requests, ``refuse`` draws up what is not taken."""

    def __init__(
        self,
        *,
        handle: Handle,
        refuse: Refuse,
        connections_max: int = CONNECTIONS_MAX,
        within_s: float = REQUEST_WITHIN_S,
    ) -> None:
        self._handle = handle
        self._refuse = refuse
        self._connections_max = connections_max
        self._within_s = within_s
        self._waiting: dict[asyncio.StreamWriter, None] = {}  # the oldest first

    async def open(self, *, host: str, port: int) -> asyncio.Server:
        """Listen on ``host`` and ``port`` (0: any free one).

        :raises OSError: the port is taken, or not ours to take
        """
        return await asyncio.start_server(self._meet, host, port, limit=_CHUNK)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._waiting[writer] = None
        if len(self._waiting) > self._connections_max:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.transport.abort()
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError, h11.LocalProtocolError):
            writer.transport.abort()
        finally:
            self._waiting.pop(writer, None)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        late = HTTPStatus.REQUEST_TIMEOUT
        try:
            async with asyncio.timeout(self._within_s):
                request = await _read(talk, reader, writer)
            late = HTTPStatus.SERVICE_UNAVAILABLE
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await self._handle(request)
            if request.method == "HEAD":
                answer = replace(answer, body=b"")
        except NotTaken as refused:
            answer = self._refuse(refused.status)
        except TimeoutError:
            answer = self._refuse(late)
        async with asyncio.timeout(self._within_s):
            writer.write(_written(talk, answer))
            await writer.drain()
        await _linger(reader, writer)


async def _read(
    talk: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request:
    """Return the request as soon as it is whole.

    :raises NotTaken: it is none, or longer than a relay reads
    :raises OSError: the peer left
    """
    head: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = talk.next_event()
        except h11.RemoteProtocolError as wrong:
            raise NotTaken(wrong.error_status_hint) from wrong
        if event is h11.NEED_DATA:
            if talk.they_are_waiting_for_100_continue:
                writer.write(_continue(talk))
            data = await reader.read(_CHUNK)
            if not data and head is None:
                raise ConnectionResetError("The peer left.")
            talk.receive_data(data)
        elif isinstance(event, h11.Request):
            head = event
            _check_length(head)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_BYTES_MAX:
                raise NotTaken(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif head is not None and isinstance(event, h11.EndOfMessage):
            return _request(head, bytes(body))
        else:
            raise NotTaken(HTTPStatus.BAD_REQUEST)


def _check_length(head: h11.Request) -> None:
    stated = _header(head, b"content-length")
    if stated and int(stated) > BODY_BYTES_MAX:  # h11 has seen to it that it is a number
        raise NotTaken(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _request(head: h11.Request, body: bytes) -> Request:
    return Request(
        method=head.method.decode("ascii"),
        path=head.target.decode("ascii").partition("?")[0],
        media_type=_header(head, b"content-type").partition(";")[0].strip().lower(),
        body=body,
    )


def _header(head: h11.Request, name: bytes) -> str:
    found = (value for key, value in head.headers if key == name)
    return next(found, b"").decode("latin-1")


def _continue(talk: h11.Connection) -> bytes:
    return talk.send(h11.InformationalResponse(status_code=100, headers=[])) or b""


def _written(talk: h11.Connection, answer: Answer) -> bytes:
    headers = [
        *answer.headers.items(),
        ("content-length", str(len(answer.body))),
        ("connection", "close"),
    ]
    if answer.status == HTTPStatus.NO_CONTENT:
        headers = [(name, value) for name, value in headers if name != "content-length"]
    events: list[h11.Event] = [
        h11.Response(
            status_code=answer.status, headers=headers, reason=HTTPStatus(answer.status).phrase
        )
    ]
    events += [h11.Data(data=answer.body)] if answer.body else []
    events += [h11.EndOfMessage()]
    return b"".join(talk.send(event) or b"" for event in events)


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read a little of what still comes: closing on unread bytes would take the answer back."""
    with suppress(OSError, TimeoutError):
        writer.write_eof()
        async with asyncio.timeout(_LINGER_S):
            for _ in range(_LINGER_BYTES // _CHUNK):
                if not await reader.read(_CHUNK):
                    return
