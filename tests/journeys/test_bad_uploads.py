"""Bytes that are no batch, at the running portal: each has its code, memory stays flat."""

from pathlib import Path

import pytest

from config.wire import cbor, cose
from config.wire.client import PortalRefused
from tests.journeys.counter import now
from tests.journeys.street import tap

MIB = 2**20


def good_batch(counter):
    """Return the payload of an empty first batch, as its map."""
    return {
        1: 1,
        2: counter.reader.device,
        3: 1,
        4: bytes(32),
        5: now(),
        6: 0,
        7: {},
        8: [],
        9: [],
        10: {},
    }


def refusal(counter, body):
    """Send ``body`` and return the code of the refusal."""
    with pytest.raises(PortalRefused) as refused:
        counter.session.post("/reader/batches", body=body)
    return refused.value.status, refused.value.code


def signed(counter, payload):
    return cose.sign(payload=payload, key=counter.reader.key)


def nested(depth):
    return b"\x81" * depth + b"\x80"


def web_memory_kib(portal):
    """Return the resident memory of all web processes together."""
    web = [pid for pid, words in portal.children().items() if "granian" in words]
    return sum(
        int(line.split()[1])
        for pid in web
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )


class TestMalformed:
    @pytest.mark.parametrize("cut", [1, 40, 100])
    def test_truncated(self, counter, cut):
        whole = signed(counter, cbor.encode(good_batch(counter)))
        assert refusal(counter, whole[:-cut]) == (422, "batch_malformed")

    def test_nested_too_deep(self, counter):
        assert refusal(counter, signed(counter, nested(5000))) == (422, "batch_malformed")

    def test_keys_out_of_order(self, counter):
        batch = cbor.encode(good_batch(counter))
        # The first two pairs, 1: 1 and 2: device, change places.
        device = cbor.encode(counter.reader.device)
        first, second = b"\x01\x01", b"\x02" + device
        assert first + second in batch
        bent = batch.replace(first + second, second + first, 1)
        assert refusal(counter, signed(counter, bent)) == (422, "batch_malformed")

    def test_a_longer_integer_than_need_be(self, counter):
        batch = cbor.encode(good_batch(counter)).replace(b"\x01\x01", b"\x01\x18\x01", 1)
        assert refusal(counter, signed(counter, batch)) == (422, "batch_malformed")

    @pytest.mark.parametrize("body", [b"\x00", b"{}", bytes(1000), b"\xd2" * 500])
    def test_no_signed_object_at_all(self, counter, body):
        assert refusal(counter, body) == (422, "batch_malformed")

    def test_another_kind_of_object(self, counter):
        challenge = counter.reader.new_challenge(amount_minor=1, currency="KRW", at=now())
        assert refusal(counter, challenge) == (422, "batch_malformed")


def test_more_than_16_mib_is_refused_and_memory_stays_flat(counter, portal):
    body = bytes(17 * MIB)
    assert refusal(counter, body) == (413, "too_large")
    before = web_memory_kib(portal)
    for _ in range(5):
        assert refusal(counter, body)[0] == 413
    deep = signed(counter, nested(MIB))
    for _ in range(5):
        assert refusal(counter, deep) == (422, "batch_malformed")
    assert web_memory_kib(portal) - before < 64 * 1024


def test_after_all_of_it_the_reader_posts_its_first_batch(counter, handset, token):
    refusal(counter, b"\x00")
    assert tap(handset, token, counter, 1200).state == "approved"
    sent = counter.upload()
    assert (sent.state, sent.sequence) == ("POSTED", 1)


def test_a_wrong_signature_names_it(counter, new_counter):
    other = new_counter()
    body = cose.sign(payload=cbor.encode(good_batch(counter)), key=other.reader.key)
    status, code = refusal(counter, body)
    assert (status, code) == (422, "batch_signature")
