"""The credential of a card on a phone: list number, reserve, certificate."""

from datetime import timedelta

import pytest

from config import keys
from config.audit import SYSTEM
from config.refusals import NotFound
from config.wire.keys import SigningKey
from issuers.models import Account, Credential, OtaCommand
from issuers.services import blacklist, credentials
from issuers.wire import CardCertificate
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def opened(credential, at):
    issuer_key = keys.signer(holder=credential.issuer.reference, at=at).public
    return CardCertificate.open(bytes(credential.certificate), public_key=issuer_key)


def account_of(credential):
    return Account.objects.get(pk=credential.card.account_id)


class TestACertificate:
    def test_states_the_profile_in_force_and_the_list_number(self, noon):
        credential = made.credential(at=noon)

        told = opened(credential, noon)

        assert told.list_number == credential.list_number == 0
        assert told.profile.per_payment_cap == 50_000
        assert told.profile.cumulative_cap == 200_000
        assert told.serial == bytes(credential.serial)

    def test_must_contact_before_it_expires(self, noon):
        programme = made.programme(certificate_days=2, at=noon)

        told = opened(made.credential(of=made.card(of=programme, at=noon), at=noon), noon)

        assert told.expires - told.issued == 2 * 86400
        assert told.profile.contact_by == told.expires

    def test_is_completed_after_a_crash_between_writing_and_signing(self, noon):
        card, key = made.card(at=noon), SigningKey.generate()
        device, _ = made.phone()
        first = made.credential(of=card, device=device, key=key, at=noon)
        Credential.objects.update(certificate=None)

        again = made.credential(of=card, device=device, key=key, at=noon)

        assert again.pk == first.pk
        assert bytes(again.certificate) == bytes(first.certificate)
        assert account_of(first).offline_reserve_minor == 200_000

    def test_of_a_newer_key_retires_the_one_before(self, noon):
        card, (device, _) = made.card(at=noon), made.phone()
        first = made.credential(of=card, device=device, at=noon)

        second = made.credential(of=card, device=device, at=noon)

        first.refresh_from_db()
        assert (first.state, second.state) == ("RETIRED", "ACTIVE")
        assert (first.list_number, second.list_number) == (0, 1)

    def test_of_another_phone_stands_beside(self, noon):
        card = made.card(at=noon)

        both = [made.credential(of=card, at=noon) for _ in range(2)]

        assert {Credential.objects.get(pk=one.pk).state for one in both} == {"ACTIVE"}

    def test_takes_as_many_statements_the_second_time(self, noon, django_assert_num_queries):
        card, (device, _) = made.card(at=noon), made.phone()

        for _ in range(2):
            with django_assert_num_queries(15):  # with the savepoint
                made.credential(of=card, device=device, at=noon)


class TestTheReserve:
    def test_is_the_smaller_of_cap_and_available(self, noon):
        card = made.card(balance_minor=250_000, at=noon)

        caps = [made.credential(of=card, at=noon).cumulative_cap_minor for _ in range(2)]

        assert caps == [200_000, 50_000]
        assert Account.objects.get(pk=card.account_id).available_minor == 0

    def test_of_nothing_makes_a_certificate_that_only_pays_online(self, noon):
        card, (device, _) = made.card(balance_minor=80_000, at=noon), made.phone()
        made.credential(of=card, device=device, at=noon)

        second = made.credential(of=card, device=device, at=noon)

        assert second.cumulative_cap_minor == 0
        stated = CardCertificate.peek(bytes(second.certificate)).profile
        assert stated.cumulative_cap == 0

    def test_is_given_back_eight_days_after_the_end(self, noon):
        credential = made.credential(at=noon)
        due = credential.expires_at + timedelta(days=8)

        early = credentials.release_expired(at=due - timedelta(seconds=1))
        released = credentials.release_expired(at=due)

        assert (early, released) == (0, 1)
        assert account_of(credential).offline_reserve_minor == 0
        assert credentials.release_expired(at=due) == 0

    def test_of_many_is_released_in_a_fixed_number_of_queries(
        self, noon, django_assert_num_queries
    ):
        programme = made.programme(at=noon)
        for _ in range(5):
            made.credential(of=made.card(of=programme, at=noon), at=noon)

        with django_assert_num_queries(11):  # two rounds; the second finds nothing
            assert credentials.release_expired(at=noon + timedelta(days=15)) == 5


class TestAPhone:
    def test_must_be_one(self, noon):
        device, _ = made.phone(kind="READER")

        with pytest.raises(credentials.WrongKind):
            made.credential(device=device, at=noon)

    def test_of_another_holder_does_not_exist(self, noon):
        device, _ = made.phone(owner="CUS-SOMEONE")

        with pytest.raises(NotFound):
            made.credential(device=device, at=noon)

    def test_that_was_revoked_gets_nothing(self, noon):
        device, _ = made.phone()
        device.transition("REVOKED", revoked_at=noon)

        with pytest.raises(credentials.DeviceRevoked):
            made.credential(device=device, at=noon)

    def test_needs_a_key_on_the_curve(self, noon):
        device, _ = made.phone()

        with pytest.raises(credentials.PublicKeyInvalid):
            credentials.issue(
                card=made.card(at=noon), device=device, public_key=b"\x04" + bytes(64), at=noon
            )

    def test_that_is_new_gets_a_blocked_cards_block_first(self, noon, carried_phone):
        card = made.card(at=noon)
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)
        carried = carried_phone(card.issuer, noon)

        credential = carried.take(card, noon)

        command = OtaCommand.objects.get(device=carried.device)
        entry = card.blacklist_entries.get()
        assert (command.action, command.entry) == (OtaCommand.Action.BLOCK, entry)
        assert entry.numbers.get().list_number == credential.list_number

    def test_takes_no_certificate_of_a_closed_card(self, noon):
        from issuers.services import cards

        card = made.card(at=noon)
        cards.close(card=card, at=noon, actor=SYSTEM)

        with pytest.raises(blacklist.CardClosed):
            made.credential(of=card, at=noon)


def test_a_card_is_certified_in_the_very_second_its_programme_began(noon):
    at = noon + timedelta(microseconds=900_000)

    assert made.credential(of=made.card(at=at), at=at).issued_at == noon
