"""A batch is taken whole or refused whole (protocol §5)."""

from dataclasses import replace

import pytest

from config.models import Alert, Event
from config.refusals import NotFound
from config.wire import b64
from config.wire.keys import SigningKey
from merchants.wire import BatchEntry, batch_digest
from settlement.models import Batch, Payment
from settlement.services import batches
from tests.factories import settlement as factory

pytestmark = pytest.mark.django_db


def refused(till, content):
    with pytest.raises(batches.BatchRefused) as refusal:
        till.send(content)
    return refusal.value.code


def test_an_accepted_batch_waits(till, card):
    content = till.batch(card.sale(till))

    received = till.send(content)

    assert received.digest == b64.encode(batch_digest(content))
    assert (received.sequence, received.state) == (1, "RECEIVED")
    assert bytes(Batch.objects.get().content) == content


def test_a_flipped_bit_anywhere_refuses_the_batch(till, card):
    content = till.batch(card.sale(till))

    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1
        assert refused(till, bytes(flipped)) in {"batch_signature", "batch_malformed"}

    assert not Batch.objects.exclude(state="REFUSED").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"count": 2}, "batch_count"),
        ({"totals": {"KRW": 999}}, "batch_total"),
        ({"totals": {}}, "batch_total"),
        ({"totals": {"KRW": 1000, "USD": 1}}, "batch_total"),
        ({"sequence": 2}, "batch_sequence"),
        ({"previous_digest": bytes(31) + b"\x01"}, "batch_chain"),
        ({"device": "RDR-0000000000"}, "batch_signature"),
        ({"key": SigningKey.generate()}, "batch_signature"),
    ],
)
def test_a_batch_that_does_not_hold_is_refused_and_kept(till, card, changes, code):
    content = till.batch(card.sale(till), **changes)

    assert refused(till, content) == code

    kept = Batch.objects.get()
    assert (kept.state, kept.refusal, bytes(kept.content)) == ("REFUSED", code, content)
    told = Event.objects.get()
    assert (told.type, told.body["batch"]["refusal"]) == ("batch.refused", code)


def test_bytes_that_are_no_batch_are_malformed(till):
    assert refused(till, b"not a batch") == "batch_malformed"
    assert refused(till, b"") == "batch_malformed"


def test_the_same_refused_bytes_are_kept_once(till, card):
    content = till.batch(card.sale(till), count=5)

    assert {refused(till, content), refused(till, content)} == {"batch_count"}
    assert Batch.objects.count() == 1


def test_a_refused_batch_leaves_its_sequence_free(till, card):
    record = card.sale(till)
    refused(till, till.batch(record, count=5))

    assert till.upload(record).sequence == 1


def test_an_empty_batch_and_one_that_nets_to_zero_are_accepted(till, card):
    till.upload()
    till.upload(card.sale(till, 500), card.void(till, 500, 1), totals={})

    assert till.sequence == 2


def test_a_record_that_cannot_be_read_is_rejected_alone(till, card, noon):
    till.upload(b"\x01", card.sale(till))

    batches.post_waiting(limit=20, at=noon)

    assert till.result() == [("REJECTED", "record_signature"), ("POSTED", "")]


def test_a_later_batch_is_received_while_the_earlier_one_waits(till, card, noon):
    till.upload(card.sale(till))
    till.upload(card.sale(till))

    assert batches.post_waiting(limit=20, at=noon) == 2
    assert Payment.objects.count() == 2


def test_a_conflict_tells_someone_and_changes_nothing(till, card):
    till.upload(card.sale(till))
    other = replace(till, sequence=0, digest=bytes(32))

    for _ in range(2):
        with pytest.raises(batches.BatchConflict):
            other.upload(card.sale(till))

    assert Batch.objects.count() == 1
    assert Alert.objects.get().kind == "batch_conflict"


def test_the_result_names_every_record_by_its_place(till, card, noon):
    till.upload(card.sale(till, 700), card.sale(till, 800, reader="RDR-0000000000"))
    batches.post_waiting(limit=20, at=noon)

    result = batches.result_of(device=till.device, sequence=1)

    assert (result.state, result.totals) == ("POSTED", {"KRW": 1500})
    assert result.results == [
        {"index": 0, "state": "POSTED"},
        {"index": 1, "state": "REJECTED", "reason": "wrong_reader"},
    ]


def test_the_result_of_a_refused_batch_says_why(till, card):
    refused(till, till.batch(card.sale(till), count=5))

    result = batches.result_of(device=till.device, sequence=1)

    assert (result.state, result.refusal, result.results) == ("REFUSED", "batch_count", [])


def test_nobody_sees_another_readers_batch(till, card, noon):
    till.upload(card.sale(till))

    with pytest.raises(NotFound):
        batches.result_of(device=factory.till(now=noon).device, sequence=1)


def test_one_record_twice_in_a_batch_counts_twice_in_its_total(till, card, noon):
    record = card.sale(till, 1000)
    entry = BatchEntry(record, "O00000", 0)
    till.upload(record, record, entries=[entry, entry])

    batches.post_waiting(limit=20, at=noon)

    assert till.result() == [("POSTED", ""), ("POSTED", "already_posted")]
