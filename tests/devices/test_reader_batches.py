"""Batches: exact bytes until the result, one chain, and nothing deleted before its own result."""

import pytest

from config.wire import b64
from merchants.devices.store import ResultForeign
from merchants.wire import Batch, batch_digest
from tests.devices.parties import NOON, Disk, judge
from wallets.wire import RecordKind


def result_of(data, *, state="POSTED", rejected=None, known=None, **changes):
    """Return the portal's result of a batch; ``known``: only these indexes have one."""
    batch = Batch.peek(data)
    rejected = rejected or {}
    indexes = range(batch.count) if known is None else known
    results = [
        {"index": index, "state": "REJECTED", "reason": rejected[index]}
        if index in rejected
        else {"index": index, "state": "POSTED"}
        for index in indexes
    ]
    digest = b64.encode(batch_digest(data))
    result = {"sequence": batch.sequence, "digest": digest, "state": state, "results": results}
    return result | changes


@pytest.fixture
def sales(world, reader):
    """Three sales of three cards; the reader's store holds them in this order."""
    return [judge(reader, world.card(), amount=amount).code for amount in (100, 200, 300)]


def codes(reader):
    return [held.approval_code for held in reader.known.store.records]


class TestBytes:
    def test_header_and_content(self, reader, sales):
        data = reader.next_batch(at=NOON)

        batch = Batch.open(data, public_key=reader.key.public)
        assert (batch.device, batch.sequence, batch.count) == (reader.device, 1, 3)
        assert batch.previous_digest == bytes(32)
        assert batch.totals == {"KRW": 600}
        assert [entry.approval_code for entry in batch.entries] == sales

    def test_they_stay_the_same_until_the_result(self, world, reader, sales):
        first = reader.next_batch(at=NOON)
        judge(reader, world.card())

        assert reader.next_batch(at=NOON + 60) == first
        reader.apply_result(result_of(first, state="RECEIVED", results=[]))
        assert reader.next_batch(at=NOON + 120) == first

    def test_they_stay_the_same_over_a_restart(self, world, card):
        disk = Disk()
        reader = world.reader(disk=disk)
        judge(reader, card)

        first = reader.next_batch(at=NOON)

        assert world.reader_again(disk).next_batch(at=NOON + 60) == first

    def test_without_records_there_is_none(self, reader):
        assert reader.next_batch(at=NOON) is None

    def test_totals_are_sales_less_voids_by_currency(self, world, reader):
        card = world.card()
        sale = judge(reader, card, amount=500)
        challenge, atc = reader.new_void_challenge(approval_code=sale.code, at=NOON)
        void = card.record(challenge, kind=RecordKind.VOID, voided_atc=atc, uses=1, cumulative=500)
        reader.judge(record=void, certificate=card.certificate, at=NOON, online=False)
        judge(reader, world.card(profile={"currency": "USD"}), amount=250, currency="USD")

        batch = Batch.peek(reader.next_batch(at=NOON))

        assert (batch.count, batch.totals) == (3, {"KRW": 0, "USD": 250})

    def test_each_certificate_once(self, world, reader):
        card = world.card()
        judge(reader, card)
        judge(reader, card)

        assert Batch.peek(reader.next_batch(at=NOON)).certificates == [card.certificate]


class TestResult:
    def test_posted_deletes_all_and_links_the_next(self, reader, sales, card):
        first = reader.next_batch(at=NOON)

        reader.apply_result(result_of(first))

        assert codes(reader) == []
        judge(reader, card)
        following = Batch.peek(reader.next_batch(at=NOON))
        assert following.sequence == 2
        assert following.previous_digest == batch_digest(first)

    def test_only_acknowledged_records_are_deleted(self, reader, sales):
        first = reader.next_batch(at=NOON)

        gone = reader.apply_result(result_of(first, known=[0, 2]))

        assert [held.approval_code for held in gone] == [sales[0], sales[2]]
        assert codes(reader) == [sales[1]]
        assert Batch.peek(reader.next_batch(at=NOON)).count == 1

    def test_a_rejected_record_is_acknowledged_too(self, reader, sales):
        first = reader.next_batch(at=NOON)

        reader.apply_result(result_of(first, rejected={1: "record_signature"}))

        assert codes(reader) == []

    def test_records_approved_meanwhile_stay(self, world, reader, sales):
        first = reader.next_batch(at=NOON)
        later = judge(reader, world.card())

        reader.apply_result(result_of(first))

        assert codes(reader) == [later.code]

    def test_received_deletes_nothing(self, reader, sales):
        reader.apply_result(result_of(reader.next_batch(at=NOON), state="RECEIVED"))

        assert codes(reader) == sales

    def test_refused_keeps_every_record_and_the_sequence(self, reader, sales):
        first = reader.next_batch(at=NOON)

        reader.apply_result(result_of(first, state="REFUSED", refusal="batch_count", results=[]))

        again = reader.next_batch(at=NOON + 1)
        assert codes(reader) == sales
        assert Batch.peek(again).sequence == 1
        assert again != first

    @pytest.mark.parametrize("changes", [{"sequence": 2}, {"digest": b64.encode(bytes(32))}])
    def test_a_result_of_another_batch_changes_nothing(self, reader, sales, changes):
        first = reader.next_batch(at=NOON)

        with pytest.raises(ResultForeign):
            reader.apply_result(result_of(first, **changes))

        assert codes(reader) == sales
        assert reader.next_batch(at=NOON) == first

    def test_a_result_for_a_record_it_does_not_have_changes_nothing(self, reader, sales):
        first = reader.next_batch(at=NOON)

        with pytest.raises(ResultForeign):
            reader.apply_result(result_of(first, known=[0, 3]))

        assert codes(reader) == sales
        assert reader.next_batch(at=NOON) == first

    def test_the_same_result_twice_is_foreign_the_second_time(self, reader, sales):
        result = result_of(reader.next_batch(at=NOON))
        reader.apply_result(result)

        with pytest.raises(ResultForeign):
            reader.apply_result(result)


class TestCertificates:
    def test_one_the_portal_has_accepted_is_left_out(self, reader, card):
        judge(reader, card)
        reader.apply_result(result_of(reader.next_batch(at=NOON)))
        judge(reader, card)

        assert Batch.peek(reader.next_batch(at=NOON)).certificates == []

    def test_one_whose_record_was_rejected_is_carried_again(self, reader, card):
        judge(reader, card)
        first = reader.next_batch(at=NOON)
        reader.apply_result(result_of(first, rejected={0: "unknown_card"}))
        judge(reader, card)

        assert Batch.peek(reader.next_batch(at=NOON)).certificates == [card.certificate]

    def test_a_record_is_sent_once_more_when_its_left_out_certificate_is_not_known(
        self, reader, card
    ):
        judge(reader, card)
        reader.apply_result(result_of(reader.next_batch(at=NOON)))
        sale = judge(reader, card)
        second = reader.next_batch(at=NOON)

        reader.apply_result(result_of(second, rejected={0: "certificate_unknown"}))

        third = Batch.peek(reader.next_batch(at=NOON))
        assert codes(reader) == [sale.code]
        assert third.certificates == [card.certificate]
