"""Renewed certificates: the same key, the next list number, and the reserve that moves along."""

from datetime import timedelta

import pytest

from config import keys
from config.audit import SYSTEM
from config.models import Device
from issuers import tasks
from issuers.models import Account, Credential, OtaCommand, Programme
from issuers.services import blacklist, cards, counters, credentials, renewals
from issuers.wire import CardCertificate, Command
from tests.factories import issuers as made
from tests.issuers.test_counters import (
    SALE,
    counts,
    held,
    obey_all,
    pay,
    position,
    post,
    put_on_phone,
)

pytestmark = pytest.mark.django_db

LATE = timedelta(days=3)  # the contact-by time is 4 days after the issue


def reset_at_contact(*, device, at):
    """The phone's contact where the programme resets what was posted."""
    Programme.objects.update(reset_on_posting=True)
    return counters.reset_posted(device=device, at=at)


@pytest.fixture
def carried(noon, carried_phone):
    carried = put_on_phone(carried_phone, made.card(at=noon), noon)
    seen(noon + LATE)
    return carried


def seen(at):
    Device.objects.update(seen_at=at)


def newest(carried):
    return Credential.objects.get(card=carried.card, state=Credential.State.ACTIVE)


class TestARenewal:
    def test_reaches_the_phone_over_the_air(self, noon, carried):
        late = noon + LATE

        assert renewals.renew_due(at=late) == 1
        obey_all(carried, late)

        terms, fresh = held(carried).terms, newest(carried)
        assert terms.serial == bytes(fresh.serial)
        assert terms.public_key == bytes(carried.credential.public_key)
        assert (terms.list_number, terms.expires) == (1, int(fresh.expires_at.timestamp()))
        assert OtaCommand.objects.get().state == "APPLIED"

    def test_is_signed_by_the_issuer(self, noon, carried):
        renewals.renew_due(at=noon + LATE)

        key = keys.signer(holder=carried.card.issuer.reference, at=noon).public
        told = CardCertificate.open(bytes(newest(carried).certificate), public_key=key)
        assert told.profile.cumulative_cap == 200_000

    def test_moves_the_reserve_and_retires_the_old_number(self, noon, carried):
        before = position(carried)

        renewals.renew_due(at=noon + LATE)

        carried.credential.refresh_from_db()
        assert carried.credential.state == "RETIRED"
        assert carried.credential.reserve_minor == 0
        assert carried.credential.renewed_by == newest(carried)
        assert position(carried) == before

    def test_keeps_the_phones_counts_and_they_can_still_be_reset(self, noon, carried):
        late = noon + LATE
        pay(carried, SALE)
        post(carried.credential, {1: SALE}, noon)
        renewals.renew_due(at=late)
        obey_all(carried, late)
        assert counts(carried) == (1, 1, SALE)
        assert held(carried).terms.profile.cumulative_cap == 200_000

        reset_at_contact(device=carried.device, at=late)
        obey_all(carried, late)

        assert counts(carried) == (1, 0, 0)
        assert position(carried) == (970_000, 200_000, 770_000)

    def test_covers_records_of_the_old_certificate_that_come_late(self, noon, carried):
        late = noon + LATE
        pay(carried, SALE)
        renewals.renew_due(at=late)
        Credential.objects.update(contact_by=late + timedelta(days=1), issued_at=noon)
        renewals.renew_due(at=late)

        post(carried.credential, {1: SALE}, late)

        assert Credential.objects.count() == 3
        assert position(carried) == (970_000, 170_000, 800_000)
        assert len(reset_at_contact(device=carried.device, at=late)) == 1

    def test_takes_over_a_reset_of_the_old_certificate(self, noon, carried):
        renewals.renew_due(at=noon + LATE)
        carried.credential.refresh_from_db()

        queued = counters.reset(
            credential_id=carried.credential.pk,
            up_to_atc=2,
            uses=2,
            amount_minor=SALE,
            at=noon + LATE,
        )

        assert len(queued) == 1
        assert newest(carried).reset_atc == 2

    def test_states_no_more_than_is_backed(self, noon, carried_phone):
        carried = put_on_phone(carried_phone, made.card(balance_minor=40_000, at=noon), noon)
        seen(noon + LATE)
        pay(carried, 10_000)
        post(carried.credential, {1: 10_000}, noon)

        renewals.renew_due(at=noon + LATE)

        assert newest(carried).cumulative_cap_minor == 40_000
        assert position(carried) == (30_000, 30_000, 0)

    def test_happens_once(self, noon, carried):
        renewals.renew_due(at=noon + LATE)

        assert renewals.renew_due(at=noon + LATE) == 0
        assert Credential.objects.count() == 2

    def test_is_delivered_after_a_crash_before_signing(self, noon, carried):
        late = noon + LATE
        renewals._prepare(late)
        assert newest(carried).certificate is None

        assert renewals.renew_due(at=late) == 1

        command = OtaCommand.objects.get()
        assert command.action == OtaCommand.Action.CERTIFICATE
        assert newest(carried).certificate is not None

    def test_is_released_once_though_both_have_ended(self, noon, carried):
        renewals.renew_due(at=noon + LATE)

        assert credentials.release_expired(at=noon + timedelta(days=30)) == 1
        assert position(carried) == (1_000_000, 0, 1_000_000)

    def test_runs_by_its_task(self, noon):
        carried = made.credential(at=noon.replace(year=2025))
        Device.objects.update(seen_at="2999-01-01T00:00:00Z")

        tasks.renew_due()

        assert OtaCommand.objects.get().card == carried.card


class TestNoRenewal:
    def test_before_its_time(self, noon, carried):
        early = noon + timedelta(days=2) - timedelta(seconds=1)
        seen(early)

        assert renewals.renew_due(at=early) == 0

    def test_of_a_phone_not_heard_of(self, noon, carried):
        seen(noon + LATE - timedelta(hours=25))

        assert renewals.renew_due(at=noon + LATE) == 0

    def test_of_a_blocked_card(self, noon, carried):
        blacklist.block(card=carried.card, reason="LOST", at=noon, actor=SYSTEM)

        assert renewals.renew_due(at=noon + LATE) == 0

    def test_of_a_closed_card(self, noon, carried):
        cards.close(card=carried.card, at=noon, actor=SYSTEM)

        assert renewals.renew_due(at=noon + LATE) == 0

    def test_of_a_revoked_phone(self, noon, carried):
        carried.device.transition("REVOKED", revoked_at=noon)

        assert renewals.renew_due(at=noon + LATE) == 0

    def test_in_the_first_half_of_a_short_life(self, noon, carried_phone):
        programme = made.programme(certificate_days=1, at=noon)
        put_on_phone(carried_phone, made.card(of=programme, at=noon), noon)
        seen(noon)

        assert renewals.renew_due(at=noon + timedelta(hours=11)) == 0
        assert renewals.renew_due(at=noon + timedelta(hours=12)) == 1


def test_many_take_the_same_queries_as_one(noon, django_assert_num_queries):
    programme = made.programme(at=noon)
    late = noon + LATE

    def renew(count):
        for _ in range(count):
            made.credential(of=made.card(of=programme, at=noon), at=noon)
        seen(late)
        with django_assert_num_queries(25):
            assert renewals.renew_due(at=late) == count

    renew(1)
    renew(6)
    numbers = Credential.objects.order_by("list_number").values_list("list_number", flat=True)
    assert list(numbers) == list(range(14))
    assert Account.objects.filter(offline_reserve_minor=200_000).count() == 7


def test_each_command_bears_the_cards_next_version(noon, carried):
    renewals.renew_due(at=noon + LATE)
    obey_all(carried, noon + LATE)

    command = OtaCommand.objects.get()
    assert Command.peek(bytes(command.signed)).version == 1
    carried.card.refresh_from_db()
    assert carried.card.ota_version == 1
