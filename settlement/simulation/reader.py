"""One simulated reader: a process of its own, with a socket that phones connect to.

``python -m settlement.simulation.reader FOLDER NAME ORIGIN``: state and journal are files in FOLDER
named after NAME, ORIGIN is the portal's. Orders come over standard input (:mod:`orders`).
"""

import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from config.wire import b64
from config.wire.client import PortalUnreachable, enrol
from config.wire.keys import SigningKey
from config.wire.trust import TrustList
from merchants.devices import tap
from merchants.devices.facts import Knowledge
from merchants.devices.limits import ReaderLimits
from merchants.devices.portal import ReaderPortal
from merchants.devices.reader import NotVoidable, Reader
from merchants.devices.store import Stored
from settlement.simulation.device import Connection, Cut, PowerCut, Storage, World
from settlement.simulation.journal import Journal
from settlement.simulation.orders import UNREACHABLE, Answer, Order, serve
from settlement.simulation.sabotage import Unsound
from settlement.simulation.uploads import Uploads, named, told_of

_NO_LIMITS: Final = ReaderLimits(floor_minor={}, unsent_minor={})


class SimulatedReader:
    """A reader at a till, its listener, and its errands at the portal."""

    def __init__(self, *, folder: Path, name: str, world: World) -> None:
        self._world = world
        self._storage = Storage(world=world, path=folder / f"{name}.json")
        self._lists = folder / f"{name}-lists"
        self._journal = Journal(folder / f"{name}.jsonl")
        self._connection = Connection(world=world)
        self._lock = self._connection.lock
        self._parts: tuple[Reader, ReaderPortal, Uploads] | None = None
        self._at = 0
        self._demand: tuple[int, tap.Sale | tap.Void, Cut | None] | None = None
        self._issuers: set[str] = set()  # whose lists are on the disk
        self._lists.mkdir(mode=0o700, exist_ok=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more taps."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def orders(self) -> dict[str, Order]:
        """Return what the conductor may order."""
        return {
            "resume": self.resume,
            "enrol": self.enrol,
            "network": self.network,
            "skew": self.skew,
            "sync": self.sync,
            "demand": self.demand,
            "close_batch": self.close_batch,
            "upload": self.upload,
        }

    def resume(self) -> Answer:
        """Come back from the disk, if this reader was enrolled before."""
        with self._lock:
            return self._resume()

    def _resume(self) -> Answer:
        state = self._storage.read()
        if state is None:
            return {"device": None}
        self._issuers |= {file.stem for file in self._lists.glob("*.json")}
        files = [self._list_file(issuer) for issuer in sorted(self._issuers)]
        lists = [found for file in files if (found := self._world.disk.read(path=file))]
        self._take(
            Reader.from_state(
                state,
                lists=lists,
                random_bytes=secrets.token_bytes,
                save=self._storage.write,
                save_list=self._save_list,
            )
        )
        stored = [named(held) for held in self._ours()[0].known.store.records]
        self._journal.note("resume", result="ok", device=self._ours()[0].device, records=stored)
        return self._here()

    def enrol(self, *, code: str, name: str, at: int) -> Answer:
        """Become a device of the shop whose code this is, with limits and trust list."""
        key = SigningKey.generate()
        with self._lock:
            told = enrol(
                session=self._connection.session(key=key),
                code=code,
                kind="READER",
                name=name,
                public_key=key.public,
            )
            trusted = TrustList.of_enrolment(
                platform_key=told["platform_key"], issuers=told["issuers"]
            )
            self._take(
                Reader(
                    key=key,
                    certificate=b64.decode(told["certificate"]),
                    known=Knowledge(trusted=trusted, limits=_NO_LIMITS),
                    random_bytes=secrets.token_bytes,
                    save=self._storage.write,
                    save_list=self._save_list,
                )
            )
            self._ours()[0].save()
            self._ours()[1].sync_config(at=at)
            self._journal.note("enrol", result="ok", device=self._ours()[0].device)
        return self._here()

    def network(self, *, away: bool) -> Answer:
        """Take the way to the portal down, or bring it back."""
        self._connection.network.away = away
        return {}

    def skew(self, *, seconds: int, kind: str = "clock-skew") -> Answer:
        """Put the reader's clock ahead of the true time, or behind it; 0 sets it right."""
        before, self._connection.skew_s = self._connection.skew_s, seconds
        if seconds not in {0, before}:
            self._journal.note("fault", result=kind, seconds=seconds)
        return {}

    def sync(self, *, at: int) -> Answer:
        """Fetch every issuer's list now, however short ago the last one was."""
        began, at = time.time(), self._own(at)
        with self._lock:
            reader, portal, _uploads = self._ours()
            try:
                for issuer in reader.known.trusted.holders:
                    portal.refresh_blacklist(issuer=issuer, at=at)
            except PortalUnreachable:
                self._journal.note("blacklist", result=UNREACHABLE, start=began)
                raise
            versions = reader.known.lists.versions()
        self._journal.note("blacklist", result="ok", start=began, at=at, held=versions)
        return {"held": versions}

    def demand(
        self,
        *,
        tap_number: int,
        at: int,
        amount_minor: int = 0,
        currency: str = "",
        approval_code: str = "",
        cut: str = "",
    ) -> Answer:
        """Key in what the next phone is to pay, or the approval code of the sale it is to void.

        ``cut``: the power fails before or after that approval is written down.
        """
        with self._lock:  # an earlier tap is over and written down when this goes on
            self._at = self._own(at)
            wanted = (
                tap.Void(approval_code=approval_code)
                if approval_code
                else tap.Sale(amount_minor=amount_minor, currency=currency)
            )
            self._demand = (tap_number, wanted, Cut(cut) if cut else None)
        return {"port": self._listener.getsockname()[1]}

    def close_batch(self, *, at: int, tamper: bool = False, forge: bool = False) -> Answer:
        """Make a batch of what is stored now; see :meth:`Uploads.close`."""
        with self._lock:
            return self._ours()[2].close(at=self._own(at), tamper=tamper, forge=forge)

    def upload(
        self, *, at: int, patience_s: float, cut: int | None = None, twice: bool = False
    ) -> Answer:
        """Send it, or what is stored if none was closed; see :meth:`Uploads.send`."""
        with self._lock:
            uploads = self._ours()[2]
            return uploads.send(at=self._own(at), patience_s=patience_s, cut=cut, twice=twice)

    def _take(self, reader: Reader) -> None:
        session = self._connection.session(key=reader.key, keyid=reader.device)
        self._parts = (
            reader,
            ReaderPortal(session=session, reader=reader),
            Uploads(reader=reader, connection=self._connection, journal=self._journal),
        )

    def _ours(self) -> tuple[Reader, ReaderPortal, Uploads]:
        assert self._parts is not None, "the reader is enrolled or resumed before any other order"
        return self._parts

    def _here(self) -> Answer:
        return {"device": self._ours()[0].device, "port": self._listener.getsockname()[1]}

    def _own(self, at: int) -> int:
        return at + self._connection.skew_s

    def _list_file(self, issuer: str) -> Path:
        return self._lists / f"{issuer}.json"

    def _save_list(self, issuer: str, state: Mapping[str, Any]) -> None:
        self._issuers.add(issuer)
        self._world.disk.write(path=self._list_file(issuer), state=state)

    def _listen(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                break  # the listener was closed
            with connection, self._lock:
                self._serve(connection, f"{peer[0]}:{peer[1]}")
        self._world.thread_ended()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        demand, self._demand = self._demand, None
        if demand is None or self._parts is None:
            self._journal.note("contact", result="nothing asked", peer=peer)
            return
        number, wanted, self._storage.cut = demand
        when = self._storage.cut
        reader = self._parts[0]
        began, held = time.time(), reader.known.lists.versions()
        asked: list[Answer] = []
        try:
            outcome = tap.serve(
                reader=reader,
                connection=connection,
                peer=peer,
                demand=wanted,
                clock=lambda: self._at,
                log=self._log_of(number),
                authorize=self._authorize(number, asked),
            )
        except NotVoidable:
            self._journal.note("tap", result="not_voidable", start=began, tap=number)
            return
        except PowerCut:
            self._journal.note("fault", result="power-cut", tap=number, when=when)
            self._resume()
            return
        finally:
            self._storage.cut = None
        facts = {"tap": number, "at": self._at, "held": held, "code": outcome.code}
        facts |= {"online": outcome.online, "told": outcome.told}
        if outcome.online:
            facts |= asked[-1]
        elif outcome.state is tap.TapState.APPROVED:
            facts |= named(_newest(reader, outcome.code))
            if self._world.unsound is Unsound.READER_LOSES:
                reader.known.store.records.remove(_newest(reader, outcome.code))
        self._journal.note("tap", result=outcome.state, start=began, **facts)

    def _authorize(self, number: int, asked: list[Answer]) -> tap.Authorize | None:
        """Return how to ask the portal about a tap, each question written down before it goes."""
        if self._connection.network.away:
            return None

        def ask(record: bytes, certificate: bytes) -> tap.OnlineAnswer:
            asked.append(told_of(record))
            self._journal.note("ask", result="asked", tap=number, **asked[-1])
            return self._ours()[1].authorize(record, certificate)

        return ask

    def _log_of(self, number: int) -> Callable[[Mapping[str, object]], None]:
        def log(event: Mapping[str, object]) -> None:
            if event["event"] == "contact_opened":
                self._journal.note("contact", result="opened", tap=number, peer=event["peer"])

        return log


def _newest(reader: Reader, approval_code: str) -> Stored:
    records = reversed(reader.known.store.records)
    return next(held for held in records if held.approval_code == approval_code)


def main() -> None:
    """Run one reader until its pipe is closed."""
    folder, name, origin = sys.argv[1:4]
    reader = SimulatedReader(folder=Path(folder), name=name, world=World(origin=origin))
    serve(orders=reader.orders(), threads=4)


if __name__ == "__main__":
    main()
