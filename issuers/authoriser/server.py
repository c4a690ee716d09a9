"""The issuer's own system over HTTP, on loopback alone: ``issuers.wire.authorising``.

Beside the three calls it takes ``GET /state``, what stands in its book, and ``PUT /settings``, how
it is to behave from now on.
"""

import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from config.wire.errors import WireError
from issuers.authoriser.book import Book, Failure
from issuers.wire import authorising

_BODY_MAX: Final = 4096
_BROKEN: Final = frozenset({Failure.DROP, Failure.HANG})


@contextmanager
def serving(*, book: Book, token: str, port: int = 0) -> Iterator[int]:
    """Serve on loopback while the block runs; give the port."""
    server = _Server(book=book, token=token, port=port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, book: Book, token: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.book = book
        self.bearer = f"Bearer {token}".encode()
        self.stopped = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        calls = {
            authorising.AUTHORIZATIONS: self._authorise,
            authorising.REVERSALS: self._undo,
            authorising.REFUNDS: self._give_back,
        }
        self._serve(calls.get(self.path))

    def do_PUT(self) -> None:
        self._serve(self._set if self.path == "/settings" else None)

    def do_GET(self) -> None:
        self._serve(self._look if self.path == "/state" else None)

    def _serve(self, act: Callable[[bytes], None] | None) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _BODY_MAX))
        said = self.headers.get("Authorization", "")
        if not hmac.compare_digest(said.encode(), self.server.bearer):
            self._tell({"error": "unauthorized"}, HTTPStatus.UNAUTHORIZED)
        elif act is None:
            self._tell({"error": "not_found"}, HTTPStatus.NOT_FOUND)
        else:
            self._try(act, body)

    def _try(self, act: Callable[[bytes], None], body: bytes) -> None:
        try:
            act(body)
        except (WireError, ValueError, TypeError) as wrong:
            self._tell({"error": "invalid", "detail": str(wrong)}, HTTPStatus.BAD_REQUEST)

    def _authorise(self, body: bytes) -> None:
        question = authorising.question_of(body)
        failure, word = self.server.book.authorise(question)
        decision = "APPROVED" if word.approved else "DECLINED"
        told = {"document": question.document, "decision": decision}
        told |= {} if word.approved else {"reason": word.reason}
        self._tell_or_fail(failure, told, garbage={"decision": "MAYBE"})

    def _tell_or_fail(
        self, failure: Failure, told: dict[str, Any], *, garbage: dict[str, Any]
    ) -> None:
        if failure in _BROKEN:
            self._break_off(hang=failure is Failure.HANG)
        elif failure is Failure.ERROR:
            self._tell({"error": "broken"}, HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            self._tell(garbage if failure is Failure.GARBAGE else told)

    def _break_off(self, *, hang: bool) -> None:
        if hang:
            self.connection.settimeout(0.2)
            while not self.server.stopped.is_set() and self._is_waited_for():
                pass
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _is_waited_for(self) -> bool:
        try:
            return len(self.connection.recv(1)) > 0
        except TimeoutError:
            return True
        except OSError:
            return False

    def _undo(self, body: bytes) -> None:
        document = authorising.document_of(body)
        if self.server.book.reverse(document):
            self._tell({"document": document, "state": "REVERSED"})
        else:
            self._tell({"error": "deaf"}, HTTPStatus.SERVICE_UNAVAILABLE)

    def _give_back(self, body: bytes) -> None:
        refund = authorising.refund_in(body)
        if self.server.book.settings.deaf:
            self._tell({"error": "deaf"}, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        failure = self.server.book.refund(refund)
        told = {"refund": refund.refund, "state": "REFUNDED"}
        self._tell_or_fail(failure, told, garbage=told | {"refund": refund.document})

    def _set(self, body: bytes) -> None:
        self.server.book.settings = self.server.book.settings.changed(json.loads(body))
        self._tell(self.server.book.settings._asdict())

    def _look(self, _body: bytes) -> None:
        self._tell(self.server.book.standing())

    def _tell(self, told: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name there)
        """Say nothing: what counts stands in the self.server.book."""
