"""A reader on a shop's counter, as its own thread behind a real socket."""

import json
import queue
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from config.wire.client import PortalSession
from merchants.devices import tap as reader_tap
from merchants.devices.portal import ReaderPortal, Uploaded
from merchants.devices.reader import Reader
from merchants.devices.tap import Authorize, Sale, Void
from tests.journeys.waiting import eventually


def now() -> int:
    """Return the device's clock, in epoch seconds."""
    return int(time.time())


@dataclass(kw_only=True)
class Counter:
    """A reader on a counter: it listens on a socket and logs each contact as a JSON line."""

    reader: Reader
    portal: ReaderPortal
    session: PortalSession
    log: Path
    demand: Sale | Void = field(default_factory=lambda: Sale(amount_minor=1, currency="KRW"))
    authorize: Authorize | None = None
    skew_s: int = 0
    outcomes: queue.Queue[reader_tap.Outcome] = field(default_factory=queue.Queue)

    def __enter__(self) -> Self:
        self.log.touch()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._open = threading.Event()
        self._open.set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.clear()
        self._thread.join(timeout=5)
        self._listener.close()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listener.getsockname()
        return host, port

    def clock(self) -> int:
        return now() + self.skew_s

    def contacts(self) -> list[str]:
        """Return what the reader's own log holds, the kind of each line."""
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]

    def stored(self) -> int:
        return len(self.reader.known.store)

    def refresh(self, *, issuer: str, version: int) -> None:
        """Ask for the issuer's list until it is ``version`` or a newer one."""
        lists = self.reader.known.lists

        def is_held() -> bool:
            self.portal.refresh_blacklist(issuer=issuer, at=now())
            return lists.version(issuer=issuer) >= version

        eventually(is_held, within_s=10, every_s=0.3)

    def upload(self) -> Uploaded:
        """Send what is stored and wait for the result, as a reader does when it has a line."""
        sent = self.portal.upload(at=now())
        assert sent is not None, "nothing was stored"
        return self.result(sequence=sent.sequence) if sent.state == "RECEIVED" else sent

    def result(self, *, sequence: int) -> Uploaded:
        def decided() -> Uploaded | None:
            told = self.portal.poll(sequence=sequence)
            return None if told.state == "RECEIVED" else told

        told = eventually(decided, within_s=20)
        assert told is not None
        return told

    def answer(self, *, sequence: int) -> dict[str, Any]:
        """Return the portal's word on a batch as it stands on the wire."""
        return self.session.get(f"/reader/batches/{sequence}").json()

    def post(self, batch: bytes) -> dict[str, Any]:
        """Send a batch's bytes as they are, under a key of their own."""
        return self.session.post("/reader/batches", body=batch).json()

    def _serve(self) -> None:
        while self._open.is_set():
            try:
                connection, peer = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                self.outcomes.put(
                    reader_tap.serve(
                        reader=self.reader,
                        connection=connection,
                        peer=f"{peer[0]}:{peer[1]}",
                        demand=self.demand,
                        clock=self.clock,
                        log=self._note,
                        authorize=self.authorize,
                    )
                )

    def _note(self, line: Mapping[str, object]) -> None:
        with self.log.open("a") as log:
            log.write(json.dumps(line) + "\n")
