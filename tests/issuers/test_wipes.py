"""A card taken off one phone: retired, listed until its end, and welcome back with a new key."""

from datetime import timedelta

import pytest

from config import devices
from config.audit import SYSTEM
from issuers.models import Account, BlacklistEntry, Card, Credential, ListedNumber, OtaCommand
from issuers.selectors import coverage
from issuers.services import blacklist, cards, commands, credentials, wipes
from tests.factories import issuers as made
from wallets.devices.credential import CardRefused, Refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def card(noon):
    return made.card(at=noon)


@pytest.fixture
def carried(card, noon, carried_phone):
    carried = carried_phone(card.issuer, noon)
    carried.credential = carried.take(card, noon)
    return carried


def wipe(card, device, at, **told):
    return wipes.wipe(card=card, device=device, reason="LOST", at=at, actor=SYSTEM, **told)


def listed():
    live = ListedNumber.objects.filter(removed_in=None, leaving=False)
    return set(live.values_list("list_number", flat=True))


def obey_all(carried, at):
    for waiting in commands.pending_for(device=carried.device, after=0, at=at):
        carried.obey(waiting.command, at)


def standing(carried, card, at):
    """Return why the phone would not pay with the card now, "" where it would."""
    try:
        carried.phone.check_before_contact(card=bytes(card.token), at=int(at.timestamp()))
    except CardRefused as refused:
        return str(refused.code)
    return ""


class TestAWipe:
    def test_retires_lists_and_tells_that_phone_alone(self, card, carried, noon):
        other = made.credential(of=card, at=noon)

        done = wipe(card, carried.device, noon)

        carried.credential.refresh_from_db()
        assert (carried.credential.state, carried.credential.withdrawn_at) == ("RETIRED", noon)
        assert Credential.objects.get(pk=other.pk).state == "ACTIVE"
        assert listed() == {carried.credential.list_number}
        assert OtaCommand.objects.get() == done.command
        assert done.command.device == carried.device
        assert Card.objects.get(pk=card.pk).state == "ACTIVE"

    def test_deletes_the_key_once_the_phone_hears(self, card, carried, noon):
        wipe(card, carried.device, noon)

        obey_all(carried, noon)

        assert carried.phone.cards == []
        assert OtaCommand.objects.get().state == "APPLIED"
        assert standing(carried, card, noon) == Refusal.CARD_UNKNOWN

    def test_keeps_the_reserve_until_its_time(self, card, carried, noon):
        wipe(card, carried.device, noon)

        assert Account.objects.get().offline_reserve_minor == 200_000
        credentials.release_expired(at=carried.credential.expires_at + timedelta(days=8))
        assert Account.objects.get().offline_reserve_minor == 0

    def test_is_exposed_until_the_phone_has_heard(self, card, carried, noon):
        wipe(card, carried.device, noon)
        exposed = coverage.exposed_of(issuer=card.issuer, at=noon)

        obey_all(carried, noon)

        assert exposed == [("KRW", 200_000)]
        assert coverage.exposed_of(issuer=card.issuer, at=noon) == []

    def test_outlives_a_block_and_its_end(self, card, carried, noon):
        other = made.credential(of=card, at=noon)
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)
        wipe(card, carried.device, noon)
        assert listed() == {carried.credential.list_number, other.list_number}

        blacklist.unblock(card=card, at=noon, actor=SYSTEM)

        assert listed() == {carried.credential.list_number}

    def test_before_a_block_outlives_it_too(self, card, carried, noon):
        wipe(card, carried.device, noon)
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)

        blacklist.unblock(card=card, at=noon, actor=SYSTEM)

        assert listed() == {carried.credential.list_number}

    def test_leaves_the_list_when_its_certificate_ends(self, card, carried, noon):
        wipe(card, carried.device, noon)
        blacklist.publish(issuer=card.issuer, at=noon)

        blacklist.publish(issuer=card.issuer, at=carried.credential.expires_at)

        assert listed() == set()

    def test_of_a_card_the_phone_has_not_is_refused(self, card, carried, noon):
        wipe(card, carried.device, noon)

        with pytest.raises(wipes.NotOnPhone):
            wipe(card, carried.device, noon)

    def test_of_a_whole_phone_takes_this_issuers_cards(self, card, carried, noon):
        mine = made.card(of=card.programme, at=noon)
        theirs = made.card(at=noon)
        for each in (mine, theirs):
            made.credential(of=each, device=carried.device, at=noon)

        wiped = wipes.wipe_phone(
            device=carried.device, issuer=card.issuer, reason="STOLEN", at=noon, actor=SYSTEM
        )

        assert {done.entry.card_id for done in wiped} == {card.pk, mine.pk}
        assert Credential.objects.get(state="ACTIVE").card == theirs


class TestANewCertificateAfterAWipe:
    def test_is_not_listed_and_pays(self, card, carried, noon):
        wipe(card, carried.device, noon)
        obey_all(carried, noon)

        fresh = carried.take(card, noon)
        obey_all(carried, noon)

        assert fresh.list_number not in listed()
        assert standing(carried, card, noon) == ""

    def test_is_not_deleted_by_the_wipe_that_comes_late(self, card, carried, noon):
        wipe(card, carried.device, noon)
        carried.take(card, noon)

        obey_all(carried, noon)

        assert standing(carried, card, noon) == ""
        assert set(OtaCommand.objects.values_list("state", flat=True)) == {"APPLIED"}

    def test_control_it_is_where_old_commands_are_not_told_apart(self, card, carried, noon):
        wipe(card, carried.device, noon)
        carried.take(card, noon)
        Credential.objects.update(since_version=0)

        obey_all(carried, noon)

        assert carried.phone.cards == []

    def test_bears_a_version_above_all_before(self, card, carried, noon):
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)
        wipe(card, carried.device, noon)
        before = OtaCommand.objects.order_by("-version").first().version

        carried.take(card, noon)

        newest = OtaCommand.objects.order_by("-version").first()
        assert (newest.action, newest.version) == (OtaCommand.Action.BLOCK, before + 1)

    def test_is_free_where_the_block_was_lifted_meanwhile(self, card, carried, noon):
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)
        obey_all(carried, noon)
        wipe(card, carried.device, noon)
        obey_all(carried, noon)
        blacklist.unblock(card=card, at=noon, actor=SYSTEM)

        carried.take(card, noon)
        obey_all(carried, noon)

        assert standing(carried, card, noon) == ""


class TestTheOwnersFreeze:
    def test_marks_the_owners_phones_and_lists_their_numbers(self, card, carried, noon):
        cards.freeze(card=card, at=noon, actor=SYSTEM)
        obey_all(carried, noon)

        assert listed() == {carried.credential.list_number}
        assert standing(carried, card, noon) == Refusal.CARD_BLOCKED
        assert BlacklistEntry.objects.get().reason == "CUSTOMER"

    def test_ended_frees_them(self, card, carried, noon):
        cards.freeze(card=card, at=noon, actor=SYSTEM)
        obey_all(carried, noon)

        cards.unfreeze(card=card, at=noon, actor=SYSTEM)
        obey_all(carried, noon)

        assert listed() == set()
        assert standing(carried, card, noon) == ""

    def test_ended_frees_nothing_that_the_issuer_blocked(self, card, carried, noon):
        cards.freeze(card=card, at=noon, actor=SYSTEM)
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)

        cards.unfreeze(card=card, at=noon, actor=SYSTEM)
        obey_all(carried, noon)

        assert listed() == {carried.credential.list_number}
        assert standing(carried, card, noon) == Refusal.CARD_BLOCKED

    def test_stands_when_the_issuers_block_is_lifted(self, card, carried, noon):
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)
        cards.freeze(card=card, at=noon, actor=SYSTEM)

        blacklist.unblock(card=card, at=noon, actor=SYSTEM)
        obey_all(carried, noon)

        assert listed() == {carried.credential.list_number}
        assert standing(carried, card, noon) == Refusal.CARD_BLOCKED
        cards.unfreeze(card=card, at=noon, actor=SYSTEM)
        assert listed() == set()

    def test_is_the_first_thing_a_new_phone_learns(self, card, noon, carried_phone):
        cards.freeze(card=card, at=noon, actor=SYSTEM)
        late = carried_phone(card.issuer, noon)

        credential = late.take(card, noon)
        obey_all(late, noon)

        assert credential.list_number in listed()
        assert standing(late, card, noon) == Refusal.CARD_BLOCKED


class TestClosing:
    def test_retires_the_credentials(self, card, carried, noon):
        cards.close(card=card, at=noon, actor=SYSTEM)

        assert Credential.objects.get().state == "RETIRED"
        assert listed() == {carried.credential.list_number}
        obey_all(carried, noon)
        assert carried.phone.cards == []

    def test_of_a_frozen_card_lists_it_as_closed(self, card, carried, noon):
        cards.freeze(card=card, at=noon, actor=SYSTEM)

        cards.close(card=card, at=noon, actor=SYSTEM)

        entry = ListedNumber.objects.get().entry
        assert entry.reason == "CLOSED"


class TestARevokedPhone:
    def test_loses_its_cards_to_the_list(self, card, carried, noon):
        devices.revoke(
            reference=carried.device.reference, actor=SYSTEM, at=noon, reason="Lost on the bus"
        )

        assert Credential.objects.get().state == "RETIRED"
        assert listed() == {carried.credential.list_number}
        assert BlacklistEntry.objects.get().note == "Lost on the bus"
        assert not OtaCommand.objects.exists()  # it never hears again

    def test_is_replaced_by_one_that_pays(self, card, carried, noon, carried_phone):
        devices.revoke(reference=carried.device.reference, actor=SYSTEM, at=noon)
        new = carried_phone(card.issuer, noon)

        fresh = new.take(card, noon)
        obey_all(new, noon)

        assert fresh.list_number not in listed()
        assert standing(new, card, noon) == ""


class TestThePace:
    def test_more_than_the_setting_in_an_hour_is_refused(self, card, noon, settings):
        settings.CERTIFICATES_PER_HOUR = 3
        device, _key = made.phone()
        for minute in range(3):
            made.credential(of=card, device=device, at=noon + timedelta(minutes=minute))

        with pytest.raises(credentials.TooManyCertificates) as refused:
            made.credential(of=card, device=device, at=noon + timedelta(minutes=59))

        assert refused.value.extra == {"retry_after_s": 60}
        assert made.credential(of=card, device=device, at=noon + timedelta(minutes=60))

    def test_is_each_phones_own(self, card, noon, settings):
        settings.CERTIFICATES_PER_HOUR = 1

        assert [made.credential(of=card, at=noon) for _ in range(2)]
