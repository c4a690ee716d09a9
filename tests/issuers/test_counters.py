"""Counter resets: what was posted comes off the phone's own counts, and nothing else."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from config.audit import SYSTEM
from issuers.models import Account, Credential, OtaCommand, Programme
from issuers.services import accounts, blacklist, commands, counters
from issuers.services.accounts import OfflineChange, Posted
from issuers.wire import Command
from tests.factories import issuers as made
from wallets.devices.credential import CardRefused, Offer
from wallets.wire import Verification

pytestmark = pytest.mark.django_db

SALE = 30_000


def reset_at_contact(*, device, at):
    """The phone's contact where the programme resets what was posted."""
    Programme.objects.update(reset_on_posting=True)
    return counters.reset_posted(device=device, at=at)


@pytest.fixture
def carried(noon, carried_phone):
    """A phone with one card, whose account holds plenty."""
    return put_on_phone(carried_phone, made.card(at=noon), noon)


def put_on_phone(carried_phone, card, at):
    carried = carried_phone(card.issuer, at)
    carried.credential = carried.take(card, at)
    carried.card = card
    return carried


def held(carried):
    """Return the counters as the phone itself keeps them."""
    return carried.phone.credential(bytes(carried.card.token))


def pay(carried, *amounts):
    """Let the phone count sales, as its taps at readers do."""
    for amount in amounts:
        offer = Offer(
            merchant="MER-1",
            merchant_name="Bakery",
            reader="RDR-1",
            amount_minor=amount,
            currency="KRW",
            nonce=bytes(16),
            at=0,
        )
        held(carried).sign(
            challenge=bytes([held(carried).atc]),
            offer=offer,
            verified=Verification.PIN_OR_BIOMETRIC,
            voided_atc=None,
        )


@transaction.atomic
def post(credential, sales, at):
    """Post sales, a mapping of ATC to amount, as a batch does."""
    accounts.post_offline(
        changes=[
            OfflineChange(
                account_id=credential.card.account_id,
                credential_id=credential.pk,
                balance_minor=-amount,
                used_minor=amount,
            )
            for amount in sales.values()
        ],
        records=[Posted(credential.pk, atc, 1, amount) for atc, amount in sales.items()],
        at=at,
    )


@transaction.atomic
def count(*records, at):
    """Note records whose money has moved already."""
    held = Credential.objects.select_related("card").in_bulk(
        [each.credential_id for each in records]
    )
    accounts.post_offline(
        changes=[
            OfflineChange(
                account_id=each.card.account_id,
                credential_id=each.pk,
                balance_minor=0,
                used_minor=0,
            )
            for each in held.values()
        ],
        records=records,
        at=at,
    )


def obey_all(carried, at):
    for sent in commands.pending_for(device=carried.device, after=0, at=at):
        carried.obey(sent.command, at)


def counts(carried):
    return held(carried).atc, held(carried).uses, held(carried).amount_minor


def position(carried):
    """Return balance, reserve and what is available; account and credential agree."""
    account = Account.objects.get(pk=carried.card.account_id)
    kept = Credential.objects.filter(card=carried.card).values_list("reserve_minor", flat=True)
    assert account.offline_reserve_minor == sum(kept)
    return account.balance_minor, account.offline_reserve_minor, account.available_minor


def bodies():
    return [
        Command.peek(bytes(row.signed)).body if row.signed else None
        for row in OtaCommand.objects.filter(action=OtaCommand.Action.RESET).order_by("id")
    ]


class TestAReset:
    def test_1_15_restores_offline_use(self, noon, carried):
        pay(carried, *[20_000] * 10)
        with pytest.raises(CardRefused):
            held(carried).check_room()
        post(carried.credential, dict.fromkeys(range(1, 11), 20_000), noon)

        reset_at_contact(device=carried.device, at=noon)
        obey_all(carried, noon)

        held(carried).check_room()
        assert counts(carried) == (10, 0, 0)
        assert position(carried) == (800_000, 200_000, 600_000)

    def test_1_15_subtracts_and_keeps_what_came_after(self, noon, carried):
        pay(carried, SALE, SALE)
        post(carried.credential, {1: SALE, 2: SALE}, noon)
        reset_at_contact(device=carried.device, at=noon)
        pay(carried, 7_000)

        obey_all(carried, noon)

        assert bodies() == [{1: 2, 2: 2, 3: 2 * SALE}]
        assert counts(carried) == (3, 1, 7_000)

    def test_1_15_follows_from_what_was_posted_not_from_the_posting(self, noon, carried):
        pay(carried, SALE)

        post(carried.credential, {1: SALE}, noon)
        counters.reset_posted(at=noon)

        assert not OtaCommand.objects.exists()
        assert position(carried) == (970_000, 170_000, 800_000)

    def test_1_15_comes_with_the_posting_where_the_programme_wants_it(self, noon, carried_phone):
        programme = made.programme(at=noon)
        programme.reset_on_posting = True
        programme.save()
        carried = put_on_phone(carried_phone, made.card(of=programme, at=noon), noon)
        pay(carried, SALE)
        post(carried.credential, {1: SALE}, noon)

        assert len(counters.reset_posted(at=noon)) == 1
        assert counters.reset_posted(at=noon) == []

        obey_all(carried, noon)
        assert counts(carried) == (1, 0, 0)

    def test_1_15_of_nothing_posted_is_none(self, noon, carried):
        pay(carried, SALE)

        assert reset_at_contact(device=carried.device, at=noon) == []
        assert counts(carried) == (1, 1, SALE)

    def test_happens_once_for_what_was_posted(self, noon, carried):
        post(carried.credential, {1: SALE}, noon)

        first = reset_at_contact(device=carried.device, at=noon)

        assert len(first) == 1
        assert reset_at_contact(device=carried.device, at=noon) == []

    def test_waits_for_a_missing_record_until_it_is_too_old(self, noon, carried):
        pay(carried, SALE, SALE, SALE)
        post(carried.credential, {1: SALE, 3: SALE}, noon)
        late = noon + timedelta(days=8)
        Credential.objects.update(expires_at=late + timedelta(days=1))

        assert reset_at_contact(device=carried.device, at=noon) == []
        reset_at_contact(device=carried.device, at=late)

        obey_all(carried, late)
        assert counts(carried) == (3, 1, SALE)

    def test_takes_the_missing_record_once_it_comes(self, noon, carried):
        post(carried.credential, {2: SALE}, noon)
        reset_at_contact(device=carried.device, at=noon)
        post(carried.credential, {1: SALE}, noon)

        assert len(reset_at_contact(device=carried.device, at=noon)) == 1

    def test_of_a_void_takes_the_sale_off_once(self, noon, carried):
        post(carried.credential, {1: SALE}, noon)
        count(Posted(carried.credential.pk, 2, 0, 0), at=noon)

        reset_at_contact(device=carried.device, at=noon)
        commands.pending_for(device=carried.device, after=0, at=noon)

        assert bodies() == [{1: 2, 2: 1, 3: SALE}]

    def test_leaves_a_blocked_card_alone(self, noon, carried):
        post(carried.credential, {1: SALE}, noon)
        blacklist.block(card=carried.card, reason="LOST", at=noon, actor=SYSTEM)

        assert reset_at_contact(device=carried.device, at=noon) == []
        assert position(carried)[1] == 170_000

    def test_leaves_an_ended_certificate_alone(self, noon, carried):
        post(carried.credential, {1: SALE}, noon)

        ended = carried.credential.expires_at
        assert reset_at_contact(device=carried.device, at=ended) == []


class TestAnEmptyAccount:
    def test_backs_no_reset_so_the_phone_may_not_spend_it_twice(self, noon, carried_phone):
        carried = put_on_phone(carried_phone, made.card(balance_minor=40_000, at=noon), noon)
        pay(carried, 40_000)
        post(carried.credential, {1: 40_000}, noon)

        reset_at_contact(device=carried.device, at=noon)
        obey_all(carried, noon)

        assert counts(carried) == (1, 0, 40_000)
        assert position(carried) == (0, 0, 0)
        with pytest.raises(CardRefused):
            held(carried).check_room()

    def test_gets_the_rest_when_it_is_filled(self, noon, carried_phone):
        carried = put_on_phone(carried_phone, made.card(balance_minor=40_000, at=noon), noon)
        pay(carried, 40_000)
        post(carried.credential, {1: 40_000}, noon)
        reset_at_contact(device=carried.device, at=noon)
        Account.objects.update(balance_minor=15_000)

        reset_at_contact(device=carried.device, at=noon)
        obey_all(carried, noon)

        assert counts(carried) == (1, 0, 25_000)
        assert position(carried) == (15_000, 15_000, 0)
        assert reset_at_contact(device=carried.device, at=noon) == []


class TestAResetByItsFigures:
    """The form an approval online uses: the record states the phone's counts."""

    def reset(self, carried, at, up_to_atc=4):
        return counters.reset(
            credential_id=carried.credential.pk,
            up_to_atc=up_to_atc,
            uses=4,
            amount_minor=90_000,
            at=at,
        )

    def test_is_queued_once_per_atc(self, noon, carried):
        assert len(self.reset(carried, noon)) == 1
        assert self.reset(carried, noon) == []
        assert self.reset(carried, noon, up_to_atc=3) == []
        assert len(self.reset(carried, noon, up_to_atc=5)) == 1

    def test_is_not_given_again_when_its_records_post_later(self, noon, carried):
        self.reset(carried, noon)
        post(carried.credential, {3: SALE, 4: SALE}, noon)

        assert reset_at_contact(device=carried.device, at=noon) == []

    def test_leaves_what_was_posted_beyond_it_for_the_next(self, noon, carried):
        post(carried.credential, dict.fromkeys(range(1, 5), 22_500) | {5: 1_000}, noon)
        self.reset(carried, noon)

        reset_at_contact(device=carried.device, at=noon)
        commands.pending_for(device=carried.device, after=0, at=noon)

        assert bodies()[1] == {1: 5, 2: 1, 3: 1_000}

    def test_does_nothing_for_a_retired_credential(self, noon, carried):
        carried.take(carried.card, noon)

        assert self.reset(carried, noon) == []


@pytest.mark.parametrize(("known", "reserve"), [(300, 200_000), (0, 200_300), (200, 200_100)])
def test_the_reserve_exceeds_the_stated_cap_by_what_is_on_its_way(noon, carried, known, reserve):
    told = {"up_to_atc": 1, "uses": 1, "amount_minor": 300, "known_minor": known}
    counters.reset(credential_id=carried.credential.pk, **told, at=noon)

    assert position(carried) == (1_000_000, reserve, 1_000_000 - reserve)


def test_what_was_on_its_way_is_drawn_on_when_it_posts_and_waited_for_no_longer(noon, carried):
    told = {"up_to_atc": 2, "uses": 2, "amount_minor": 400, "known_minor": 100}
    counters.reset(credential_id=carried.credential.pk, **told, at=noon)
    post(carried.credential, {1: 300}, noon)

    assert position(carried) == (999_700, 200_000, 799_700)
    assert Credential.objects.get().unsent_minor == 0


def test_counts_without_a_date_are_impossible(noon, carried):
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.update(posted_uses=1)


def test_many_are_reset_in_a_fixed_number_of_queries(noon, django_assert_num_queries):
    programme = made.programme(at=noon)
    programme.reset_on_posting = True
    programme.save()
    device, _key = made.phone()
    many = [
        made.credential(of=made.card(of=programme, at=noon), device=device, at=noon)
        for _ in range(5)
    ]
    post(many[0], {1: SALE}, noon)
    with django_assert_num_queries(5):
        counters.reset_posted(at=noon)

    count(*(Posted(each.pk, 2, 1, SALE) for each in many[:2]), at=noon)
    for each in many:
        post(each, {1: SALE}, noon)
    with django_assert_num_queries(5):
        assert counters.reset_posted(device=device, at=noon)
    with django_assert_num_queries(1):
        assert counters.reset_posted(device=device, at=noon) == []
