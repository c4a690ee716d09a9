"""The reader's store of approved records, and the chain of batches that carries them away.

A batch takes all records there are and keeps its exact bytes until its result; a record is deleted
only after its own result is known. Amounts in minor units, times in epoch seconds.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from config.wire import b64
from config.wire.keys import SigningKey
from issuers.wire import CardCertificate
from merchants.devices.limits import ReaderLimits
from merchants.wire import Batch, BatchEntry, batch_digest

_NO_DIGEST: Final = bytes(32)
_CERTIFICATE_UNKNOWN: Final = "certificate_unknown"


class ResultForeign(Exception):
    """The result is not that of the batch whose bytes this reader keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An approved record; ``amount_minor`` is negative for a void, ``voids`` its sale's ATC."""

    record: bytes
    approval_code: str
    blacklist_version: int
    card_token: bytes
    serial: bytes
    atc: int
    amount_minor: int
    currency: str
    at: int
    voids: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    data: bytes
    count: int
    serials: frozenset[bytes]  # whose certificates the batch carries


class RecordStore:
    """Records in the order they were approved; the first ``pending.count`` are in the batch."""

    def __init__(self) -> None:
        self.records: list[Stored] = []
        self.sequence = 0  # of the latest accepted batch
        self._previous = _NO_DIGEST
        self._pending: _Pending | None = None
        self._certificates: dict[bytes, bytes] = {}  # by serial, of the records held
        self._accepted: dict[bytes, int] = {}  # serials the portal knows, with their end

    def __len__(self) -> int:
        return len(self.records)

    def is_full(self, *, amount_minor: int, currency: str, at: int, limits: ReaderLimits) -> bool:
        """Return whether one more sale would break the count, the age or the unsent sum."""
        if len(self.records) >= limits.records:
            return True
        if self.records and at >= self.records[0].at + limits.oldest_s:
            return True
        return self.unsent_minor(currency) + amount_minor > limits.unsent_minor.get(currency, 0)

    def unsent_minor(self, currency: str) -> int:
        """Return sales less voids whose result is not known yet."""
        return sum(held.amount_minor for held in self.records if held.currency == currency)

    def add(self, held: Stored, *, certificate: bytes) -> None:
        """Store an approved record with the certificate that proves it."""
        self.records.append(held)
        self._certificates[held.serial] = certificate

    def take_back(self, held: Stored) -> None:
        """Remove a record whose approval was never given."""
        self.records.remove(held)

    def voidable(self, *, approval_code: str) -> Stored | None:
        """Return the sale of that code if no batch has it and no void names it."""
        free = self.records[self._pending.count if self._pending else 0 :]
        found = (held for held in reversed(free) if held.approval_code == approval_code)
        sale = next(found, None)
        if sale is None or sale.voids is not None:
            return None
        voided = any((held.card_token, held.voids) == (sale.card_token, sale.atc) for held in free)
        return None if voided else sale

    def next_batch(
        self, *, device: str, key: SigningKey, created: int, versions: Mapping[str, int]
    ) -> bytes | None:
        """Return the batch to upload: the one without a result yet, else a new one, else None."""
        if self._pending is not None:
            return self._pending.data
        if not self.records:
            return None
        self._accepted = {serial: end for serial, end in self._accepted.items() if end > created}
        serials = dict.fromkeys(held.serial for held in self.records)
        carried = [serial for serial in serials if serial not in self._accepted]
        data = Batch(
            device=device,
            sequence=self.sequence + 1,
            previous_digest=self._previous,
            created=created,
            count=len(self.records),
            totals=self._totals(),
            certificates=[self._certificates[serial] for serial in carried],
            entries=[
                BatchEntry(held.record, held.approval_code, held.blacklist_version)
                for held in self.records
            ],
            blacklists=dict(versions),
        ).sign(key=key)
        self._pending = _Pending(data=data, count=len(self.records), serials=frozenset(carried))
        return data

    def _totals(self) -> dict[str, int]:
        totals: defaultdict[str, int] = defaultdict(int)
        for held in self.records:
            totals[held.currency] += held.amount_minor
        return dict(totals)

    def apply_result(self, result: Mapping[str, Any]) -> list[Stored]:
        """Take the portal's result of the pending batch and return the records it settled.

        RECEIVED changes nothing. REFUSED frees the bytes and the sequence: all records go into
        the next batch. POSTED deletes each record that has a result of its own, POSTED or
        REJECTED; the others stay for the next batch.

        :raises ResultForeign: another sequence or digest, or none is pending
        """
        pending = self._pending
        if pending is None:
            raise ResultForeign("No batch waits for a result.")
        digest = batch_digest(pending.data)
        named = (self.sequence + 1, b64.encode(digest))
        if (result["sequence"], result["digest"]) != named:
            raise ResultForeign(f"A result of batch {result['sequence']} is not expected.")
        if result["state"] == "RECEIVED":
            return []
        if result["state"] != "POSTED":
            self._pending = None
            return []
        settled = self._settled(pending, result["results"])
        self._pending = None
        self.sequence, self._previous = self.sequence + 1, digest
        return self._remove(settled)

    def _settled(self, pending: _Pending, results: list[Mapping[str, Any]]) -> set[int]:
        """Return the indexes not to be sent again, and learn whose certificates are known."""
        outcomes = {entry["index"]: (entry["state"], entry.get("reason")) for entry in results}
        if not outcomes.keys() <= set(range(pending.count)):
            raise ResultForeign("The result names a record the batch does not have.")
        settled = set()
        for index, (state, reason) in outcomes.items():
            serial = self.records[index].serial
            if reason == _CERTIFICATE_UNKNOWN and serial not in pending.serials:
                # We left it out as known; the portal has lost it. Once more, with the certificate.
                self._accepted.pop(serial, None)
                continue
            settled.add(index)
            if state == "POSTED":
                self._accept(serial)
        return settled

    def _remove(self, settled: set[int]) -> list[Stored]:
        gone = [held for index, held in enumerate(self.records) if index in settled]
        self.records = [held for index, held in enumerate(self.records) if index not in settled]
        needed = {held.serial for held in self.records}
        self._certificates = {
            serial: data for serial, data in self._certificates.items() if serial in needed
        }
        return gone

    def _accept(self, serial: bytes) -> None:
        self._accepted[serial] = CardCertificate.peek(self._certificates[serial]).expires

    def to_state(self) -> dict[str, Any]:
        """Return the store as JSON-able values."""
        pending = self._pending
        return {
            "records": [_stored_state(held) for held in self.records],
            "sequence": self.sequence,
            "previous": b64.encode(self._previous),
            "pending": pending
            and {
                "data": b64.encode(pending.data),
                "count": pending.count,
                "serials": sorted(b64.encode(serial) for serial in pending.serials),
            },
            "certificates": [b64.encode(data) for data in self._certificates.values()],
            "accepted": {b64.encode(serial): end for serial, end in self._accepted.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the store that :meth:`to_state` wrote."""
        store = cls()
        store.records = [_stored(entry) for entry in state["records"]]
        store.sequence = state["sequence"]
        store._previous = b64.decode(state["previous"])
        pending = state["pending"]
        if pending is not None:
            store._pending = _Pending(
                data=b64.decode(pending["data"]),
                count=pending["count"],
                serials=frozenset(b64.decode(serial) for serial in pending["serials"]),
            )
        certificates = [b64.decode(data) for data in state["certificates"]]
        store._certificates = {CardCertificate.peek(data).serial: data for data in certificates}
        store._accepted = {b64.decode(serial): end for serial, end in state["accepted"].items()}
        return store


_BINARY: Final = ("record", "card_token", "serial")


def _stored_state(held: Stored) -> dict[str, Any]:
    state = asdict(held)
    return state | {name: b64.encode(state[name]) for name in _BINARY}


def _stored(state: Mapping[str, Any]) -> Stored:
    return Stored(**{**state, **{name: b64.decode(state[name]) for name in _BINARY}})
