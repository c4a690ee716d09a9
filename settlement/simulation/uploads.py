"""A simulated reader's batches: closed, sent, asked after, and at times harmed on purpose.

The caller holds the device's lock; it is let go while the portal is waited for.
"""

import hashlib
import time
from dataclasses import asdict
from typing import Any, Final

from config.wire import b64, cose
from config.wire.client import PortalSession, PortalUnreachable
from merchants.devices.portal import ReaderPortal
from merchants.devices.reader import Reader
from merchants.devices.store import Stored
from settlement.simulation import sabotage
from settlement.simulation.device import Connection
from settlement.simulation.journal import Entry, Journal
from settlement.simulation.network import Cut
from settlement.simulation.orders import UNREACHABLE, Answer
from wallets.wire import OfflineRecord

EMPTY: Final = "EMPTY"
RECEIVED: Final = "RECEIVED"
POSTED: Final = "POSTED"
_ASK_AGAIN_S: Final = 0.15


class Uploads:
    """The way of one reader's records into the books."""

    def __init__(self, *, reader: Reader, connection: Connection, journal: Journal) -> None:
        self._reader = reader
        self._connection = connection
        self._journal = journal
        self._portal = ReaderPortal(session=self._session(), reader=reader)
        # What was sent, or is about to be; after a power cut the batch found on the disk.
        waits = reader.known.store.to_state()["pending"] is not None
        self._closed: bytes | None = reader.next_batch(at=0) if waits else None

    def close(self, *, at: int, tamper: bool, forge: bool) -> Answer:
        """Make a batch of what is stored, having altered or invented a record if told to.

        One that waits for its result already stays as it is: its bytes cannot change any more.
        """
        if self._closed is None:
            self._harm(at, tamper=tamper, forge=forge)
            self._closed = self._reader.next_batch(at=at)
        return {"empty": self._closed is None}

    def send(self, *, at: int, patience_s: float, cut: int | None, twice: bool) -> Answer:
        """Send the closed batch, or what is stored, and ask for its result for ``patience_s``.

        ``cut``: interrupt it there; ``twice``: send the same bytes again after their result.

        :raises PortalUnreachable: the portal did not answer; the batch stays as it is
        :raises PortalRefused: it refused, but not the batch
        """
        began = time.time()
        if self._closed is None:
            self._closed = self._reader.next_batch(at=at)
        if self._closed is None:
            return {"state": EMPTY}
        self._connection.network.cut = None if cut is None else Cut(cut)
        try:
            answer = self._carry(at, patience_s)
            if cut is not None:
                self._journal.note("fault", result="interrupted-upload")
            if twice and answer["state"] == POSTED:
                self._journal.note("fault", result="duplicate-upload")
                answer["same_again"] = self._repeat(self._closed, answer)
        except PortalUnreachable:
            self._journal.note("upload", result=UNREACHABLE, start=began, at=at)
            raise
        if answer["state"] != RECEIVED:
            self._closed = None
        self._journal.note("upload", result=answer["state"], start=began, at=at, **answer)
        return answer

    def _carry(self, at: int, patience_s: float) -> Answer:
        held = list(self._reader.known.store.records)  # the batch holds the first of these
        uploaded = self._portal.upload(at=at)
        assert uploaded is not None, "there is a batch"
        until = time.monotonic() + patience_s
        while uploaded.state == RECEIVED and time.monotonic() < until:
            self._connection.sleep(_ASK_AGAIN_S)
            uploaded = self._portal.poll(sequence=uploaded.sequence)
        answer = asdict(uploaded)
        if uploaded.state == POSTED:
            told = self._results(uploaded.sequence)
            answer["records"] = [named(held[entry["index"]]) | entry for entry in told]
        return answer

    def _harm(self, at: int, *, tamper: bool, forge: bool) -> None:
        store = self._reader.known.store
        harmed = {
            "tampered-record": sabotage.tamper(store=store) if tamper else None,
            "forged-cryptogram": sabotage.forge(store=store, at=at) if forge else None,
        }
        for fault, held in harmed.items():
            if held is not None:
                self._journal.note("fault", result=fault, **named(held))

    def _repeat(self, data: bytes, answer: Answer) -> bool:
        """Send accepted bytes once more under a new idempotency key; say if nothing changed."""
        self._session().post("/reader/batches", body=data)
        again = self._results(answer["sequence"])
        return [_told(entry) for entry in answer["records"]] == [_told(entry) for entry in again]

    def _results(self, sequence: int) -> list[Entry]:
        results: list[Entry] = self._session().get(f"/reader/batches/{sequence}").json()["results"]
        return results

    def _session(self) -> PortalSession:
        return self._connection.session(key=self._reader.key, keyid=self._reader.device)


def named(held: Stored) -> Entry:
    """Return a stored record as journals name it; a void's amount is negative."""
    return {
        "card": b64.encode(held.card_token),
        "serial": b64.encode(held.serial),
        "digest": digest_of(held.record),
        "atc": held.atc,
        "amount_minor": held.amount_minor,
        "currency": held.currency,
        "voids": held.voids,
        "at": held.at,
    }


def told_of(record: bytes) -> Entry:
    """Return a record that goes online as journals name it."""
    read = OfflineRecord.peek(record)
    return {
        "card": b64.encode(read.card_token),
        "serial": b64.encode(read.certificate_serial),
        "digest": digest_of(record),
        "atc": read.atc,
        "amount_minor": read.amount,
        "currency": read.currency,
        "voids": read.voided_atc,
    }


def digest_of(record: bytes) -> str:
    """Return what tells one record from another whatever its envelope: SHA-256 (hex) of it."""
    return hashlib.sha256(cose.parse(record).payload).hexdigest()


def _told(entry: Entry) -> tuple[Any, ...]:
    return (entry["index"], entry["state"], entry.get("reason"))
