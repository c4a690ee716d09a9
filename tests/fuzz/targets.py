"""What is fuzzed: each decoder of what machines upload or fetch, and good inputs to begin with."""

import os
from time import process_time
from typing import NamedTuple

from config.wire import cose
from config.wire.errors import WireError
from issuers.wire import BlacklistFile, CardCertificate, rice
from issuers.wire.held import HeldBlacklist
from merchants.wire import Batch
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
}
