"""A portal and a notification server on real sockets, which answer only when a test lets them."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from merchants.wire.datagram import Datagram
from tests.devices.tills import SECRET


class Gate:
    """A portal that notes what comes and answers once it is open. ``answer(method, path, body)``
    returns a status and a document."""

    def __init__(self, answer):
        self.answer = answer
        self.arrived, self.open = threading.Event(), threading.Event()
        self.requests = []

    def handle(self, handler):
        length = int(handler.headers.get("content-length") or 0)
        body = json.loads(handler.rfile.read(length) or b"null")
        self.requests.append((handler.command, handler.path, body))
        self.arrived.set()
        self.open.wait(timeout=20)
        status, document = self.answer(handler.command, handler.path, body)
        data = json.dumps(document).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


@contextmanager
def serving(gate):
    """Serve ``gate`` on loopback; yield its origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            gate.handle(self)

        def do_POST(self):
            gate.handle(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        gate.open.set()
        server.shutdown()
        thread.join()


class Rns:
    """A UDP socket that speaks for the notification server."""

    def __enter__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.peer = None
        return self

    def __exit__(self, *_):
        self._socket.close()

    @property
    def place(self):
        host, port = self._socket.getsockname()
        return {"host": host, "port": port}

    def receive(self):
        data, self.peer = self._socket.recvfrom(2048)
        return Datagram.decode(data, SECRET)

    def is_silent(self, seconds=0.3):
        self._socket.settimeout(seconds)
        try:
            self._socket.recvfrom(2048)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(10)
        return False

    def send(self, datagram):
        self._socket.sendto(datagram.encode(SECRET), self.peer)

    def send_bytes(self, data):
        self._socket.sendto(data, self.peer)
