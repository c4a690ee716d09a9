"""Blacklists on the reader: whose, how old, and never back (protocol section 5.1)."""

import json

import pytest

from config.wire.errors import WireError
from issuers.wire.held import NotNewer, WrongBase, WrongDigest
from merchants.devices.rules import Approved, Declined, GoOnline, Reason
from merchants.wire import Batch
from tests.devices.parties import DAY, ISSUER, NOON, Disk, judge


def version(reader):
    return reader.known.lists.version(issuer=ISSUER)


class TestApplying:
    def test_a_full_list_then_a_delta(self, world, reader):
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[3, 5]), at=NOON)
        delta = world.blacklist(version=2, base=1, removals=[3], additions=[8], after=[5, 8])

        reader.apply_blacklist(data=delta, at=NOON)

        held = [reader.known.lists.has(issuer=ISSUER, list_number=n) for n in (3, 5, 8)]
        assert held == [False, True, True]
        assert version(reader) == 2

    @pytest.mark.parametrize("older", [1, 2])
    def test_it_never_goes_back_a_version(self, world, reader, older):
        reader.apply_blacklist(data=world.blacklist(version=2, additions=[3]), at=NOON)

        with pytest.raises(NotNewer):
            reader.apply_blacklist(data=world.blacklist(version=older, additions=[]), at=NOON)

        assert reader.known.lists.has(issuer=ISSUER, list_number=3)

    def test_a_list_of_another_key_is_not_taken(self, world, reader):
        forged = world.blacklist(version=1, additions=[], signer=world.new_key())

        with pytest.raises(WireError):
            reader.apply_blacklist(data=forged, at=NOON)

        assert version(reader) == 0

    def test_a_delta_on_another_base_changes_nothing(self, world, reader):
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[3]), at=NOON)

        with pytest.raises(WrongBase):
            reader.apply_blacklist(
                data=world.blacklist(version=3, base=2, additions=[4], after=[3, 4]), at=NOON
            )

        assert version(reader) == 1
        assert reader.known.lists.is_fresh(issuer=ISSUER, at=NOON, max_age_s=DAY)

    def test_an_approval_notes_the_version_held(self, world, reader, card):
        reader.apply_blacklist(data=world.blacklist(version=7, additions=[9_999]), at=NOON)
        judge(reader, card)

        batch = Batch.peek(reader.next_batch(at=NOON))

        assert batch.entries[0].blacklist_version == 7
        assert batch.blacklists == {ISSUER: 7}

    def test_the_minimum_wait_is_kept(self, world, reader):
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[]), at=NOON)

        due = [reader.known.lists.is_due(issuer=ISSUER, at=NOON + after) for after in (9, 10)]

        assert due == [False, True]


class TestWrongDigest:
    def drop(self, world, reader):
        reader.apply_blacklist(data=world.blacklist(version=4, additions=[3]), at=NOON)
        broken = world.blacklist(version=5, base=4, additions=[6], after=[3, 7])
        with pytest.raises(WrongDigest):
            reader.apply_blacklist(data=broken, at=NOON)

    def test_all_is_dropped_and_the_floor_is_0_until_a_file_comes(self, world, reader, card):
        self.drop(world, reader)
        reader.confirm_blacklist(issuer=ISSUER, at=NOON)  # a portal cannot confirm nothing

        assert version(reader) == 0
        assert judge(reader, card) == Declined(Reason.AMOUNT_OVER_CAP)

        reader.apply_blacklist(data=world.blacklist(version=5, additions=[3]), at=NOON)
        assert isinstance(judge(reader, card), Approved)

    def test_even_then_it_does_not_go_back(self, world, reader):
        self.drop(world, reader)

        with pytest.raises(NotNewer):
            reader.apply_blacklist(data=world.blacklist(version=3, additions=[]), at=NOON)

    def test_a_restart_does_not_bring_the_dropped_list_back_to_life(self, world, card):
        disk = Disk()
        reader = world.reader(disk=disk)
        self.drop(world, reader)

        again = world.reader_again(disk)

        assert judge(again, card) == Declined(Reason.AMOUNT_OVER_CAP)
        with pytest.raises(NotNewer):
            again.apply_blacklist(data=world.blacklist(version=3, additions=[]), at=NOON)


class TestAge:
    def test_a_reader_without_a_list_approves_nothing_itself(self, world, card):
        reader = world.reader(fresh=False)

        assert judge(reader, card, amount=1) == Declined(Reason.AMOUNT_OVER_CAP)
        assert judge(reader, card, amount=1, online=True) == GoOnline(Reason.AMOUNT_OVER_CAP)

    @pytest.mark.parametrize(("age_s", "approved"), [(DAY, True), (DAY + 1, False)])
    def test_a_list_older_than_the_merchants_limit_lowers_the_floor_to_0(
        self, reader, card, age_s, approved
    ):
        verdict = judge(reader, card, at=NOON + age_s)

        assert isinstance(verdict, Approved) is approved

    def test_the_portals_word_makes_it_young_again(self, reader, card):
        reader.confirm_blacklist(issuer=ISSUER, at=NOON + DAY)

        assert isinstance(judge(reader, card, at=NOON + 2 * DAY), Approved)

    def test_a_new_file_makes_it_young_again(self, world, reader, card):
        later = NOON + 2 * DAY
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[9_999]), at=later)

        assert isinstance(judge(reader, card, at=later), Approved)

    def test_a_list_saved_without_its_time_counts_as_old(self, world, card):
        disk = Disk()
        reader = world.reader(disk=disk, fresh=False)
        reader.apply_blacklist(data=world.blacklist(version=1, additions=[9_999]), at=NOON)
        disk.states[-1] = json.dumps(
            disk.state | {"known": disk.state["known"] | {"confirmed": {}}}
        )

        assert judge(world.reader_again(disk), card) == Declined(Reason.AMOUNT_OVER_CAP)
