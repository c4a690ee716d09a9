"""A shop's server that takes webhooks: it verifies each message and acts once for each id.

The demo runs it as its echo receiver, the tests as the other end. It speaks TLS alone. In the
address of a webhook ``?answer=503`` makes it answer so, ``?wait=2`` makes it slow.
"""

import html
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from merchants.wire import webhooks as wire

KEPT: Final = 200
BODY_MAX: Final = 2**20
WAIT_MAX_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request as it came; ``refused`` is "" for a genuine one, ``first`` false for a repeat."""

    at: float
    path: str
    webhook_id: str
    refused: str
    first: bool
    answer: int
    body: str


class Receiver:
    """What came, and what was done for it."""

    def __init__(
        self,
        *,
        secrets: Callable[[str], Sequence[str]],
        clock: Callable[[], float] = time.time,
        answer: Callable[[str, str], int] | None = None,
        told: Callable[[Message], None] = lambda _message: None,
    ) -> None:
        """``secrets``: of a path; ``answer``: the status for a path and an id, else the path's."""
        self._secrets, self._clock, self._answer, self._told = secrets, clock, answer, told
        self._lock = threading.Lock()
        self.messages: deque[Message] = deque(maxlen=KEPT)
        self.effects: dict[str, Any] = {}  # by webhook-id: what it told

    def take(self, *, path: str, headers: dict[str, str], body: bytes) -> Message:
        """Verify a message, answer as the path asks, and act once if the answer is a success."""
        refused, webhook_id, status = "", headers.get(wire.ID, ""), 401
        try:
            webhook_id = wire.verify(
                secrets=self._secrets(path), headers=headers, body=body, now=self._clock()
            )
            status = self._answer(path, webhook_id) if self._answer else _asked(path, "answer", 204)
        except wire.WebhookRefused as why:
            refused = str(why)
        with self._lock:
            first = not refused and status < 300 and webhook_id not in self.effects
            if first:
                self.effects[webhook_id] = json.loads(body)
            message = Message(
                at=self._clock(),
                path=path,
                webhook_id=webhook_id,
                refused=refused,
                first=first,
                answer=status,
                body=body.decode(errors="replace"),
            )
            self.messages.append(message)
        self._told(message)
        return message

    @contextmanager
    def serving(self, *, tls: ssl.SSLContext, port: int = 0) -> Iterator[int]:
        """Serve on loopback while the block runs; give the port."""
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        server.daemon_threads = True
        # Each connection shakes hands in its own thread: a silent caller must not stop the others.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def page(self) -> str:
        """Return what came as a page without a script, the newest first."""
        rows = "".join(
            f"<tr><td>{time.strftime('%H:%M:%S', time.gmtime(m.at))}<td>{html.escape(m.path)}"
            f"<td>{html.escape(m.webhook_id)}<td>{m.refused or ('new' if m.first else 'seen')}"
            f"<td>{m.answer}<td><code>{html.escape(m.body)}</code>"
            for m in reversed(self.messages)
        )
        head = "<tr><th>UTC<th>Path<th>webhook-id<th>Verified<th>Answer<th>Body"
        return (
            '<!doctype html><html lang="en"><title>Echo receiver</title>'
            '<meta http-equiv="refresh" content="3"><h1>What came</h1>'
            f"<p>Effects: {len(self.effects)}, one for each id.</p><table>{head}{rows}</table>"
        )


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 15

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= BODY_MAX:
                self._say(413, "text/plain", b"")
                return
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            message = receiver.take(path=self.path, headers=headers, body=body)
            time.sleep(min(_asked(self.path, "wait", 0), WAIT_MAX_S))
            self._say(message.answer, "text/plain", message.refused.encode())

        def do_GET(self) -> None:
            if self.path == "/received":
                told = json.dumps([asdict(message) for message in receiver.messages])
                self._say(200, "application/json", told.encode())
            else:
                self._say(200, "text/html; charset=utf-8", receiver.page().encode())

        def _say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing: ``told`` does."""

    return Handler


def _asked(path: str, name: str, default: int) -> int:
    given = parse_qs(urlsplit(path).query).get(name, [""])[0]
    return int(given) if given.isdecimal() and len(given) <= 3 else default
