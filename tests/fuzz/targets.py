"""What is fuzzed: each decoder of what machines upload or fetch, and good inputs to begin with."""

import hmac
import os
from time import process_time
from typing import NamedTuple

from config.wire import cose
from config.wire.errors import WireError
from issuers.wire import BlacklistFile, CardCertificate, rice
from issuers.wire.held import HeldBlacklist
from merchants.rules.answering import Answering, Key
from merchants.rules.journal import Journal
from merchants.rules.paces import Networks, Pace
from merchants.rules.statuses import Status, StatusMap
from merchants.wire import Batch
from merchants.wire.datagram import LENGTH, MAC_BYTES, Datagram, DatagramKind
from wallets.wire import OfflineRecord


class Target(NamedTuple):
    """``read`` takes any bytes and raises ``WireError`` or nothing; ``seeds`` are good ones."""

    read: object
    seeds: object


class Altered(Exception):
    """What was accepted is not what it encodes to: two texts for one meaning."""


def _read_batch(data):
    """Read a batch's payload with every record and certificate in it, as the portal does."""
    batch = Batch.of_payload(data)
    _break(batch)
    if batch.payload() != data:
        raise Altered
    for entry in batch.entries:
        _read_leniently(OfflineRecord.of_payload, entry.record)
    for certificate in batch.certificates:
        _read_leniently(CardCertificate.of_payload, certificate)


def _break(batch):
    """Fail where the negative control asks for it: the run must find it."""
    match os.environ.get("PAYDESK_FUZZ_SABOTAGE"):
        case "crash":
            1 // (batch.sequence - 2)
        case "slow" if batch.sequence == 2:
            begun = process_time()
            while process_time() - begun < 0.15:
                pass
        case "alter" if batch.sequence == 2:
            raise Altered


def _read_leniently(read, signed):
    """A record that cannot be read is rejected alone; it never ends the batch's reading."""
    try:
        read(cose.parse(signed).payload)
    except WireError:
        return


def _read_envelope(data):
    """Read the upload as it arrives: COSE_Sign1 around the payload."""
    _read_batch(cose.parse(data).payload)


def _read_list(data):
    """Read a list's payload and apply it as a reader does, on nothing held and on a small list."""
    file = BlacklistFile.of_payload(data)
    if file.payload() != data:
        raise Altered
    for base in (0, file.base):
        held = HeldBlacklist.holding(issuer=file.issuer, version=base, numbers=range(0, 600, 3))
        try:
            held.apply(file)
        except WireError:
            continue
        if rice.digest(iter(held)) != file.digest:
            raise Altered


class _Everybody(dict):
    """Any terminal number is known, and its secret is the same."""

    def get(self, number):
        return Key(number=number, secret=_SECRET)


_SECRET = bytes(32)
_AT = 1_800_000_000.0


def _read_datagram(data):
    """Take the bytes as they are, and again under a MAC that fits, as the server's loop does."""
    if len(data) != LENGTH and _taken(data) is not None:
        raise Altered
    body = data[: LENGTH - MAC_BYTES].ljust(LENGTH - MAC_BYTES, b"\0")
    sealed = body + hmac.digest(_SECRET, body, "sha256")[:MAC_BYTES]
    answer = _taken(sealed)
    if answer is not None and len(answer) > len(sealed):
        raise Altered
    datagram = Datagram.decode(sealed, _SECRET)
    if os.environ.get("PAYDESK_FUZZ_SABOTAGE") == "datagram":
        1 // datagram.nonce[0]  # what the negative control asks for
    if Datagram.decode(datagram.encode(_SECRET), _SECRET) != datagram:
        raise Altered


def _taken(data):
    statuses = StatusMap(most=2)
    statuses.put([_STATUS])
    answering = Answering(
        keys=_Everybody(),
        statuses=statuses,
        networks=Networks(pace=Pace.of(per_s=1, burst=1)),
        pace=Pace.of(per_s=1, burst=1),
        journal=Journal(most=10, room=10),
        set_aside=lambda _aside: True,
    )
    return answering.take(data, ("192.0.2.1", 9), _AT)


_STATUS = Status(
    tid="T000C1S0000700009WHN32C",
    number=12345,
    state="APPROVED",
    amount_minor=12_500,
    currency="KRW",
    approval_code="A1B2C3",
)


def _datagram_seeds():
    for kind in DatagramKind:
        told = _STATUS.as_datagram(kind=kind, nonce=b"12345678", ms=int(_AT * 1000), message=1)
        yield told.encode(_SECRET)


def _batch_seeds():
    from tests.wire import samples

    yield samples.BATCH.payload()


def _envelope_seeds():
    from tests.wire import samples

    yield samples.BATCH.sign(key=samples.KEY)


def _list_seeds():
    from tests.wire import samples

    yield samples.BLACKLIST.payload()
    numbers = list(range(0, 600, 3))
    after = [*numbers[5:], 10_001, 10_007]
    yield BlacklistFile(
        issuer="ISS-1",
        version=8,
        base=7,
        issued=samples.NOW,
        wait_s=5,
        removals=rice.encode(numbers[:5]),
        additions=rice.encode([10_001, 10_007]),
        entries=len(after),
        digest=rice.digest(after),
    ).payload()


TARGETS = {
    "batches": Target(_read_batch, _batch_seeds),
    "uploads": Target(_read_envelope, _envelope_seeds),
    "lists": Target(_read_list, _list_seeds),
    "datagrams": Target(_read_datagram, _datagram_seeds),
}
