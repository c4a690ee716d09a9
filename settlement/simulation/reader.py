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
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from config.wire import b64, durable, frames
from config.wire.client import PortalSession, PortalUnreachable, enrol
from config.wire.keys import SigningKey
from config.wire.trust import TrustList
from merchants.devices import tap
from merchants.devices.facts import Knowledge
from merchants.devices.limits import ReaderLimits
from merchants.devices.portal import ReaderPortal
from merchants.devices.reader import NotVoidable, Reader
from merchants.devices.store import Stored
from settlement.simulation import sabotage
from settlement.simulation.device import Connection
from settlement.simulation.journal import Journal
from settlement.simulation.network import Cut
from settlement.simulation.orders import UNREACHABLE, Answer, Order, serve

_ASK_AGAIN_S: Final = 0.15
_TAP_BUDGET_S: Final = 5.0
_TOLD: Final = ("index", "state", "reason")
EMPTY: Final = "EMPTY"
_NO_LIMITS: Final = ReaderLimits(floor_minor={}, unsent_minor={})


class SimulatedReader:
    """A reader at a till, its listener, and its errands at the portal."""

    def __init__(self, *, folder: Path, name: str, origin: str) -> None:
        self._path = folder / f"{name}.json"
        self._lists = folder / f"{name}-lists"
        self._journal = Journal(folder / f"{name}.jsonl")
        self._connection = Connection(origin=origin)
        self._lock = self._connection.lock
        self._reader: Reader | None = None
        self._portal: ReaderPortal | None = None
        self._at = 0
        self._sent: bytes | None = None
        self._waits = False  # a batch was sent whose result is not known
        self._demand: tuple[int, tap.Sale | tap.Void] | None = None
        self._lists.mkdir(mode=0o700, exist_ok=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._listen, daemon=True).start()

    def orders(self) -> dict[str, Order]:
        """Return what the conductor may order."""
        return {
            "resume": self.resume,
            "enrol": self.enrol,
            "network": self.network,
            "sync": self.sync,
            "demand": self.demand,
            "upload": self.upload,
        }

    def resume(self) -> Answer:
        """Come back from the disk, if this reader was enrolled before."""
        state = durable.read(path=self._path)
        if state is None:
            return {"device": None}
        files = sorted(self._lists.glob("*.json"))
        lists = [found for file in files if (found := durable.read(path=file)) is not None]
        with self._lock:
            self._take(
                Reader.from_state(
                    state,
                    lists=lists,
                    random_bytes=secrets.token_bytes,
                    save=self._save,
                    save_list=self._save_list,
                )
            )
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
                    save=self._save,
                    save_list=self._save_list,
                )
            )
            self._ours()[0].save()
            self._ours()[1].sync_config(at=at)
        return self._here()

    def network(self, *, away: bool) -> Answer:
        """Take the way to the portal down, or bring it back."""
        self._connection.network.away = away
        return {}

    def sync(self, *, at: int) -> Answer:
        """Fetch every issuer's list now, however short ago the last one was."""
        began = time.time()
        with self._lock:
            reader, portal = self._ours()
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
    ) -> Answer:
        """Key in what the next phone is to pay, or the approval code of the sale it is to void."""
        with self._lock:  # an earlier tap is over and written down when this goes on
            self._at = at
            wanted = (
                tap.Void(approval_code=approval_code)
                if approval_code
                else tap.Sale(amount_minor=amount_minor, currency=currency)
            )
            self._demand = (tap_number, wanted)
        return {"port": self._listener.getsockname()[1]}

    def upload(
        self,
        *,
        at: int,
        patience_s: float,
        tamper: bool = False,
        forge: bool = False,
        cut: int | None = None,
        twice: bool = False,
    ) -> Answer:
        """Send the batch that waits or a new one, and wait for its result for ``patience_s``.

        The other words are faults: a record altered, one added that no card signed, the upload
        interrupted, the same bytes sent again after their result.
        """
        began = time.time()
        with self._lock:
            faults = self._sabotage(at, tamper=tamper, forge=forge)
            self._connection.network.cut = None if cut is None else Cut(cut)
            try:
                answer = self._send(at, patience_s)
                if twice and answer["state"] == "POSTED":
                    faults.append("duplicate-upload")
                    answer["same_again"] = self._send_again(answer)
            except PortalUnreachable:
                self._journal.note("upload", result=UNREACHABLE, start=began, at=at)
                raise
            if cut is not None and answer["state"] != EMPTY:
                faults.append("interrupted-upload")
        answer["faults"] = faults
        if answer["state"] != EMPTY:
            self._journal.note("upload", result=answer["state"], start=began, at=at, **answer)
        return answer

    def _send(self, at: int, patience_s: float) -> Answer:
        reader, portal = self._ours()
        self._sent = reader.next_batch(at=at)
        if self._sent is None:
            return {"state": EMPTY}
        held = list(reader.known.store.records)  # the batch holds the first of these, in order
        uploaded = portal.upload(at=at)
        assert uploaded is not None, "there is a batch"
        until = time.monotonic() + patience_s
        while uploaded.state == "RECEIVED" and time.monotonic() < until:
            self._connection.sleep(_ASK_AGAIN_S)
            uploaded = portal.poll(sequence=uploaded.sequence)
        answer = asdict(uploaded)
        if uploaded.state == "POSTED":
            told = self._results(uploaded.sequence)
            answer["records"] = [_named(held[entry["index"]]) | entry for entry in told]
        if uploaded.state != "RECEIVED":
            self._waits = False
        return answer

    def _sabotage(self, at: int, *, tamper: bool, forge: bool) -> list[str]:
        """Harm the store, unless a batch waits for its result: its bytes are what they are."""
        done: list[str] = []
        store = self._ours()[0].known.store
        if tamper and not self._waits and (altered := sabotage.tamper(store=store)) is not None:
            done.append("tampered-record")
            self._journal.note("fault", result="tampered-record", **_named(altered))
        if forge and not self._waits and (added := sabotage.forge(store=store, at=at)) is not None:
            done.append("forged-cryptogram")
            self._journal.note("fault", result="forged-cryptogram", **_named(added))
        self._waits = True
        return done

    def _send_again(self, answer: Answer) -> bool:
        """Send accepted bytes once more under a new idempotency key; say if nothing changed."""
        assert self._sent is not None, "they were just accepted"
        self._session().post("/reader/batches", body=self._sent)
        told = [{name: entry.get(name) for name in _TOLD} for entry in answer["records"]]
        again = self._results(answer["sequence"])
        return told == [{name: entry.get(name) for name in _TOLD} for entry in again]

    def _results(self, sequence: int) -> list[Answer]:
        results: list[Answer] = self._session().get(f"/reader/batches/{sequence}").json()["results"]
        return results

    def _session(self) -> PortalSession:
        return self._session_of(self._ours()[0])

    def _session_of(self, reader: Reader) -> PortalSession:
        return self._connection.session(key=reader.key, keyid=reader.device)

    def _take(self, reader: Reader) -> None:
        self._reader = reader
        self._portal = ReaderPortal(session=self._session_of(reader), reader=reader)

    def _ours(self) -> tuple[Reader, ReaderPortal]:
        assert self._reader is not None, "the reader is enrolled or resumed before any other order"
        assert self._portal is not None
        return self._reader, self._portal

    def _here(self) -> Answer:
        return {"device": self._ours()[0].device, "port": self._listener.getsockname()[1]}

    def _save(self, state: Mapping[str, Any]) -> None:
        durable.write(path=self._path, state=state)

    def _save_list(self, issuer: str, state: Mapping[str, Any]) -> None:
        durable.write(path=self._lists / f"{issuer}.json", state=state)

    def _listen(self) -> None:
        while True:
            connection, peer = self._listener.accept()
            with connection, self._lock:
                self._serve(connection, f"{peer[0]}:{peer[1]}")

    def _serve(self, connection: socket.socket, peer: str) -> None:
        demand, self._demand = self._demand, None
        if demand is None or self._reader is None:
            self._journal.note("contact", result="nothing asked", peer=peer)
            return
        number, wanted = demand
        began, held = time.time(), self._reader.known.lists.versions()
        stored_before = len(self._reader.known.store)
        try:
            outcome = tap.serve(
                reader=self._reader,
                connection=connection,
                peer=peer,
                demand=wanted,
                clock=lambda: self._at,
                log=self._log_of(number),
                budget_s=min(_TAP_BUDGET_S, frames.BUDGET_S),
            )
        except NotVoidable:
            self._journal.note("tap", result="not_voidable", start=began, tap=number)
            return
        facts = {"tap": number, "at": self._at, "held": held, "code": outcome.code}
        if len(self._reader.known.store) > stored_before:
            facts |= _named(self._reader.known.store.records[-1])
        self._journal.note(
            "tap", result=outcome.state, start=began, at=self._at, held=held, **facts
        )

    def _log_of(self, number: int) -> Callable[[Mapping[str, object]], None]:
        def log(event: Mapping[str, object]) -> None:
            if event["event"] == "contact_opened":
                self._journal.note("contact", result="opened", tap=number, peer=event["peer"])

        return log


def _named(held: Stored) -> Answer:
    """Return a stored record as journals name it."""
    return {
        "card": b64.encode(held.card_token),
        "serial": b64.encode(held.serial),
        "atc": held.atc,
        "amount_minor": held.amount_minor,
        "currency": held.currency,
        "voids": held.voids,
    }


def main() -> None:
    """Run one reader until its pipe is closed."""
    folder, name, origin = sys.argv[1:4]
    reader = SimulatedReader(folder=Path(folder), name=name, origin=origin)
    serve(orders=reader.orders(), threads=2)


if __name__ == "__main__":
    main()
