"""The reader as a machine: what is saved before it answers, voids, the way online, a restart."""

from dataclasses import replace

import pytest

from merchants.devices.reader import NothingAsked, NotVoidable
from merchants.devices.rules import Approved, Declined, GoOnline, Reason
from tests.devices.parties import CAP, NOON, Disk, answer, judge
from wallets.wire import RecordKind, Verification


class TestSaving:
    def test_the_record_is_saved_before_the_approval_is_out(self, world, card):
        """Mission 1.06: the detail is in the reader's store before any contact with an issuer."""
        disk = Disk()
        reader = world.reader(disk=disk)

        verdict = judge(reader, card)

        held = world.reader_again(disk).known.store.records
        assert [record.approval_code for record in held] == [verdict.code]

    def test_what_could_not_be_saved_was_not_approved_and_reaches_no_batch(self, world, card):
        disk = Disk()
        reader = world.reader(disk=disk)
        disk.full = True

        with pytest.raises(OSError, match="no space"):
            judge(reader, card)

        disk.full = False
        assert reader.next_batch(at=NOON) is None
        assert isinstance(judge(reader, card, atc=1, uses=1, cumulative=10_000), Approved)

    def test_a_restart_keeps_records_counts_and_lists(self, world, card):
        disk = Disk()
        reader = world.reader(disk=disk)
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[9_999]), at=NOON)
        judge(reader, card, amount=CAP)

        again = world.reader_again(disk)

        assert again.to_state() == reader.to_state()
        assert again.known.lists.has(issuer="ISS-1", list_number=9_999)
        assert judge(again, card, amount=1) == Declined(Reason.SPLIT_SALE)

    def test_an_open_challenge_does_not_survive_a_restart(self, world, card):
        disk = Disk()
        reader = world.reader(disk=disk)
        record = card.record(reader.new_challenge(amount_minor=1, currency="KRW", at=NOON))
        reader.save()

        verdict = world.reader_again(disk).judge(
            record=record, certificate=card.certificate, at=NOON, online=False
        )

        assert verdict == Declined(Reason.NONCE_MISMATCH)


class TestOnline:
    def preferred(self, reader, card):
        verdict = judge(reader, card, online=True, uses=6)
        assert verdict == GoOnline(Reason.ONLINE_PREFERRED)

    def test_approved_there_it_is_not_stored_here(self, reader, card):
        self.preferred(reader, card)

        reader.online_approved()

        assert len(reader.known.store) == 0

    def test_approved_there_the_counts_here_start_anew(self, world, card):
        reader = world.reader(split_sale_window_s=0)
        for _ in range(5):
            judge(reader, card, amount=100)
        self.preferred(reader, card)
        reader.online_approved()

        assert isinstance(judge(reader, card, online=True, uses=1, cumulative=10_000), Approved)

    def test_approved_there_its_atc_stays_known(self, reader, card):
        self.preferred(reader, card)
        reader.online_approved()

        verdict = judge(reader, card, atc=1, uses=1, cumulative=10_000)

        assert verdict == Declined(Reason.RECORD_INVALID)

    def test_unreachable_what_only_preferred_it_is_approved_here(self, reader, card):
        self.preferred(reader, card)

        assert isinstance(reader.online_failed(), Approved)
        assert len(reader.known.store) == 1

    def test_unreachable_what_needed_it_is_declined_for_its_reason(self, reader, card):
        judge(reader, card, amount=CAP + 1, online=True)

        assert reader.online_failed() == Declined(Reason.AMOUNT_OVER_CAP)
        assert len(reader.known.store) == 0

    def test_declined_there_nothing_waits_any_more(self, reader, card):
        self.preferred(reader, card)
        reader.online_declined()

        with pytest.raises(NothingAsked):
            reader.online_failed()


class TestVoid:
    def void(self, reader, card, code, **changes):
        challenge, atc = reader.new_void_challenge(approval_code=code, at=NOON)
        counts = {"uses": card.uses, "cumulative": card.cumulative}
        said = {"kind": RecordKind.VOID, "voided_atc": atc} | counts | changes
        record = card.record(challenge, **said)
        return reader.judge(record=record, certificate=card.certificate, at=NOON, online=True)

    def test_a_void_nets_the_sale_to_zero(self, reader, card):
        sale = judge(reader, card)

        voided = self.void(reader, card, sale.code)

        assert isinstance(voided, Approved)
        assert reader.known.store.unsent_minor("KRW") == 0
        assert len(reader.known.store) == 2

    def test_a_voided_sale_is_no_part_of_a_split_one_but_its_use_counts(self, reader, card):
        sale = judge(reader, card, amount=CAP)
        self.void(reader, card, sale.code)

        assert isinstance(judge(reader, card, amount=CAP, uses=10, cumulative=CAP), Approved)
        assert judge(reader, card, amount=1, uses=11, cumulative=CAP).reason == "split_sale"

    @pytest.mark.parametrize("code", ["O00000", None])
    def test_only_a_stored_sale_and_once(self, reader, card, code):
        sale = judge(reader, card)
        self.void(reader, card, sale.code)

        with pytest.raises(NotVoidable):
            reader.new_void_challenge(approval_code=code or sale.code, at=NOON)

    def test_a_sale_on_its_way_to_the_portal_is_refunded_not_voided(self, reader, card):
        sale = judge(reader, card)
        reader.next_batch(at=NOON)

        with pytest.raises(NotVoidable):
            reader.new_void_challenge(approval_code=sale.code, at=NOON)

    @pytest.mark.parametrize(
        "changes",
        [
            {"voided_atc": 7},
            {"amount": 9_999},
            {"kind": RecordKind.SALE, "voided_atc": None},
            {"atc": 1},
        ],
        ids=["atc", "amount", "kind", "own atc"],
    )
    def test_the_record_must_void_that_very_sale(self, reader, card, changes):
        sale = judge(reader, card)

        verdict = self.void(reader, card, sale.code, **changes)

        assert verdict == Declined(Reason.RECORD_INVALID)

    def test_another_card_cannot_void_it(self, world, reader, card):
        sale = judge(reader, card)

        verdict = self.void(reader, world.card(), sale.code)

        assert verdict == Declined(Reason.RECORD_INVALID)

    def test_a_listed_card_may_take_its_sale_back(self, world, reader, card):
        sale = judge(reader, card)
        reader.apply_blacklist(
            data=world.blacklist(version=1, additions=[card.terms.list_number]), at=NOON
        )

        assert isinstance(self.void(reader, card, sale.code), Approved)

    def test_a_void_that_could_not_be_saved_leaves_the_sale(self, world, card):
        disk = Disk()
        reader = world.reader(disk=disk)
        sale = judge(reader, card, amount=CAP)
        disk.full = True

        with pytest.raises(OSError, match="no space"):
            self.void(reader, card, sale.code)

        assert reader.known.store.unsent_minor("KRW") == CAP
        assert judge(reader, card, amount=1) == Declined(Reason.SPLIT_SALE)


class TestWithAPhone:
    def test_a_phones_record_is_approved(self, world, phone, reader):
        card = world.put_card(phone)
        record = answer(reader, phone, card)
        certificate = phone.credential(card).certificate

        verdict = reader.judge(record=record, certificate=certificate, at=NOON, online=False)

        assert isinstance(verdict, Approved)

    def test_a_fresh_list_stops_a_phone_that_never_got_the_command(self, world, phone, reader):
        """Mission 1.13."""
        card = world.put_card(phone)
        listed = phone.credential(card).terms.list_number
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[listed]), at=NOON)

        record = answer(reader, phone, card)
        certificate = phone.credential(card).certificate
        verdict = reader.judge(record=record, certificate=certificate, at=NOON, online=False)

        assert verdict == Declined(Reason.BLACKLISTED)

    def test_use_number_equal_to_the_upper_count_is_the_last(self, world, phone):
        """Mission 1.04."""
        reader = world.reader(split_sale_window_s=0)
        card = world.put_card(phone)
        certificate = phone.credential(card).certificate
        tap = {"certificate": certificate, "at": NOON, "online": False}

        verdicts = [
            reader.judge(record=answer(reader, phone, card, amount=100), **tap) for _ in range(10)
        ]

        assert all(isinstance(verdict, Approved) for verdict in verdicts)
        clone = replace(phone.credential(card), uses=0, amount_minor=0)
        challenge = reader.new_challenge(amount_minor=100, currency="KRW", at=NOON)
        offer = phone.examine(certificate=reader.certificate, challenge=challenge, at=NOON)
        record = clone.sign(
            challenge=challenge, offer=offer, verified=Verification.NONE, voided_atc=None
        )
        assert reader.judge(record=record, **tap) == Declined(Reason.USES_EXHAUSTED)
