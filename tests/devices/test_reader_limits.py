"""The reader's own limits at their edges: capacity, unsent sum, lists, counts by list number."""

from dataclasses import replace

import pytest

from config.wire import b64
from merchants.devices.limits import ReaderLimits
from merchants.devices.rules import Approved, Declined, GoOnline, Reason
from merchants.wire import batch_digest
from tests.devices.parties import CAP, DAY, ISSUER, NOON, judge
from wallets.wire import RecordKind


def settle(reader, *, at=NOON):
    """Upload what is stored and take the portal's word that all of it posted."""
    batch = reader.next_batch(at=at)
    results = [{"index": n, "state": "POSTED"} for n in range(len(reader.known.store))]
    reader.apply_result(
        {
            "sequence": reader.known.store.sequence + 1,
            "digest": b64.encode(batch_digest(batch)),
            "state": "POSTED",
            "results": results,
        }
    )


class TestCapacity:
    def test_unless_said_it_is_500_records_of_seven_days(self):
        limits = ReaderLimits(floor_minor={}, unsent_minor={})

        assert (limits.records, limits.oldest_s) == (500, 7 * DAY)

    def test_the_500th_record_is_stored_and_the_next_not_before_a_result(self, world):
        reader, card = world.reader(split_sale_window_s=0), None
        for number in range(500):
            if number % 10 == 0:
                card = world.card()
            assert isinstance(judge(reader, card, amount=1), Approved)

        assert judge(reader, world.card(), amount=1) == Declined(Reason.READER_FULL)
        reader.next_batch(at=NOON)
        assert judge(reader, world.card(), amount=1) == Declined(Reason.READER_FULL), "only sent"
        settle(reader)
        assert isinstance(judge(reader, world.card(), amount=1), Approved)

    def test_a_full_reader_in_reach_of_the_portal_asks_it(self, world):
        assert judge(world.reader(records=0), world.card(), online=True) == GoOnline(
            Reason.READER_FULL
        )

    def test_a_void_makes_room_in_the_unsent_sum(self, world):
        reader, card = world.reader(unsent_minor={"KRW": 20_000}), world.card()
        sale = judge(reader, card, amount=20_000)
        assert judge(reader, world.card(), amount=1) == Declined(Reason.READER_FULL)

        challenge, atc = reader.new_void_challenge(approval_code=sale.code, at=NOON)
        record = card.record(
            challenge, kind=RecordKind.VOID, voided_atc=atc, uses=1, cumulative=20_000
        )
        voided = reader.judge(record=record, certificate=card.certificate, at=NOON, online=False)

        assert isinstance(voided, Approved)
        assert isinstance(judge(reader, world.card(), amount=1), Approved)


class TestLists:
    def test_before_the_first_list_the_portal_alone_approves(self, world, card):
        reader = world.reader(fresh=False)

        assert judge(reader, card, online=True) == GoOnline(Reason.AMOUNT_OVER_CAP)
        assert judge(reader, card) == Declined(Reason.AMOUNT_OVER_CAP)

    def test_past_the_merchants_limit_too(self, world):
        reader = world.reader(blacklist_max_age_s=600)

        assert isinstance(judge(reader, world.card(), at=NOON + 600, online=True), Approved)
        assert judge(reader, world.card(), at=NOON + 601, online=True) == GoOnline(
            Reason.AMOUNT_OVER_CAP
        )

    def test_one_issuers_fresh_list_says_nothing_of_anothers(self, world, reader):
        reader.known.lists.confirm(issuer="ISS-OTHER", at=NOON + 2 * DAY)

        late = judge(reader, world.card(), at=NOON + DAY + 1)

        assert late == Declined(Reason.AMOUNT_OVER_CAP)


class TestCountsByListNumber:
    @pytest.fixture
    def reader(self, world):
        return world.reader(split_sale_window_s=0, blacklist_max_age_s=30 * DAY)

    def used_up(self, reader, card):
        for _ in range(10):
            judge(reader, card, amount=100, uses=1, cumulative=100)
        assert judge(reader, card, amount=100, uses=1, cumulative=100) == Declined(
            Reason.USES_EXHAUSTED
        )

    def test_a_reissued_card_is_not_charged_with_its_forerunners_uses(self, world, reader):
        card = world.card()
        self.used_up(reader, card)
        card.certificate = replace(card.terms, list_number=9_001).sign(key=world.issuer)

        assert isinstance(judge(reader, card, amount=100, uses=1, cumulative=100), Approved)

    def test_but_two_parts_of_one_sale_stay_one_card(self, world):
        reader, card = world.reader(), world.card()
        judge(reader, card, amount=CAP)
        card.certificate = replace(card.terms, list_number=9_001).sign(key=world.issuer)

        again = judge(reader, card, amount=1, uses=1, cumulative=1)

        assert again == Declined(Reason.SPLIT_SALE)

    def test_a_number_of_another_issuer_is_another_number(self, world, reader):
        card = world.card()
        self.used_up(reader, card)
        card.terms = replace(card.terms, issuer="ISS-OTHER")
        other = world.new_key()
        card.certificate = card.terms.sign(key=other)

        assert judge(reader, card, amount=100) == Declined(Reason.CERTIFICATE_INVALID)

    def test_what_was_sent_still_counts(self, world, reader):
        card = world.card()
        for _ in range(10):
            judge(reader, card, amount=100, uses=1, cumulative=100)
        settle(reader)

        again = judge(reader, card, amount=100, uses=1, cumulative=100)

        assert again == Declined(Reason.USES_EXHAUSTED)


class TestNeverOnline:
    """No portal is asked about what is wrong with the card or its record, however near it is."""

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"currency": "USD"}, Reason.CURRENCY_UNSUPPORTED),
            ({"at": NOON + 5 * DAY}, Reason.CONTACT_OVERDUE),
            ({"at": NOON + 7 * DAY}, Reason.CERTIFICATE_EXPIRED),
            ({"reader_nonce": bytes(16)}, Reason.NONCE_MISMATCH),
            ({"certificate_serial": bytes(8)}, Reason.RECORD_INVALID),
        ],
        ids=lambda value: str(value) if isinstance(value, Reason) else "",
    )
    def test_a_hard_reason_declines_at_once(self, world, changes, reason):
        reader = world.reader(blacklist_max_age_s=30 * DAY)
        verdict = judge(reader, world.card(), online=True, **changes)

        assert verdict == Declined(reason)

    def test_a_void_is_never_sent_online(self, world, card):
        reader = world.reader(records=1)
        sale = judge(reader, card)
        challenge, atc = reader.new_void_challenge(approval_code=sale.code, at=NOON)
        record = card.record(
            challenge, kind=RecordKind.VOID, voided_atc=atc, uses=1, cumulative=10_000
        )

        verdict = reader.judge(record=record, certificate=card.certificate, at=NOON, online=True)

        assert verdict == Declined(Reason.READER_FULL)


def test_the_lists_of_all_issuers_are_those_that_must_be_fresh(world, reader):
    assert reader.known.lists.versions() == {ISSUER: 0}
