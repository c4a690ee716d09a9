"""Blocking and unblocking: the entry, the waiting numbers, the commands."""

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Audit
from issuers import tasks
from issuers.models import BlacklistVersion, Card, ListedNumber, OtaCommand
from issuers.services import blacklist
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def block(card, at, reason="LOST"):
    return blacklist.block(card=card, reason=reason, at=at, actor=SYSTEM)


def unblock(card, at):
    return blacklist.unblock(card=card, at=at, actor=SYSTEM)


def listed():
    return set(
        ListedNumber.objects.filter(removed_in=None, leaving=False).values_list(
            "list_number", flat=True
        )
    )


class TestABlock:
    def test_lists_every_number_whose_certificate_lives(self, noon):
        card = made.card(at=noon)
        numbers = {made.credential(of=card, at=noon).list_number for _ in range(2)}

        done = block(card, noon)

        assert listed() == numbers
        assert Card.objects.get(pk=card.pk).state == Card.State.BLOCKED
        assert {command.version for command in done.commands} == {1}

    def test_leaves_out_what_has_expired(self, noon):
        credential = made.credential(at=noon)

        block(credential.card, credential.expires_at)

        assert listed() == set()

    def test_lists_a_retired_number_that_still_lives(self, noon):
        card, (device, _) = made.card(at=noon), made.phone()
        for _ in range(2):
            made.credential(of=card, device=device, at=noon)

        done = block(card, noon)

        assert listed() == {0, 1}
        assert [command.device for command in done.commands] == [device]

    def test_1_01_of_one_card_touches_no_other_on_the_same_phone(self, noon):
        programme, (device, _) = made.programme(at=noon), made.phone()
        lost, kept = (
            made.credential(of=made.card(of=programme, at=noon), device=device, at=noon)
            for _ in range(2)
        )

        block(lost.card, noon)

        assert listed() == {lost.list_number}
        assert Card.objects.get(pk=kept.card_id).state == Card.State.ACTIVE
        assert OtaCommand.objects.get().card == lost.card

    def test_is_audited_in_its_transaction(self, noon):
        card = made.card(at=noon)

        block(card, noon, reason="STOLEN")

        told = Audit.objects.get(action="blacklist.block")
        assert (told.subject, told.after["reason"]) == (card.reference, "STOLEN")

    def test_twice_is_refused(self, noon):
        card = made.card(at=noon)
        block(card, noon)

        with pytest.raises(blacklist.CardBlockedAlready) as refusal:
            block(card, noon)

        assert (refusal.value.code, refusal.value.status) == ("card_blocked_already", 409)

    def test_needs_a_known_reason(self, noon):
        with pytest.raises(blacklist.ReasonUnknown):
            block(made.card(at=noon), noon, reason="BORED")


class TestAnUnblock:
    def test_before_publication_leaves_no_trace_on_the_list(self, noon):
        credential = made.credential(at=noon)
        block(credential.card, noon)

        unblock(credential.card, noon)

        assert not ListedNumber.objects.exists()
        assert blacklist.publish(issuer=credential.issuer, at=noon) is None

    def test_after_publication_leaves_with_the_next_version(self, noon):
        credential = made.credential(at=noon)
        block(credential.card, noon)
        blacklist.publish(issuer=credential.issuer, at=noon)

        unblock(credential.card, noon)
        version = blacklist.publish(issuer=credential.issuer, at=noon)

        assert (version.version, version.removed, version.entries) == (2, 1, 0)

    def test_and_a_new_block_before_the_next_version_change_nothing_for_readers(self, noon):
        credential = made.credential(at=noon)
        block(credential.card, noon)
        blacklist.publish(issuer=credential.issuer, at=noon)
        unblock(credential.card, noon)

        second = block(credential.card, noon)

        assert blacklist.publish(issuer=credential.issuer, at=noon) is None
        assert ListedNumber.objects.get().entry == second.entry

    def test_tells_the_phones_under_a_higher_version(self, noon):
        card = made.credential(at=noon).card
        block(card, noon)

        done = unblock(card, noon)

        assert [(c.action, c.version) for c in done.commands] == [(OtaCommand.Action.UNBLOCK, 2)]

    def test_of_a_card_that_is_not_blocked_is_refused(self, noon):
        with pytest.raises(blacklist.CardNotBlocked) as refusal:
            unblock(made.card(at=noon), noon)

        assert (refusal.value.code, refusal.value.status) == ("card_not_blocked", 409)


class TestAtOnce:
    def test_the_answer_names_the_version_that_carries_the_change(self, noon):
        card = made.credential(at=noon).card

        told = blacklist.block_and_publish(card=card, reason="LOST", at=noon, actor=SYSTEM).answer()

        assert told["card"] == card.reference
        assert told["issuer"] == card.issuer.reference
        assert told["version"] == BlacklistVersion.objects.get().version == 1
        assert told["command"]["state"] == "PENDING"

    def test_a_card_on_no_phone_has_no_command_and_makes_no_version(self, noon):
        told = blacklist.block_and_publish(
            card=made.card(at=noon), reason="LOST", at=noon, actor=SYSTEM
        ).answer()

        assert (told["version"], told["command"]) == (0, None)

    def test_the_unblock_is_carried_by_the_next_version(self, noon):
        card = made.credential(at=noon).card
        blacklist.block_and_publish(card=card, reason="LOST", at=noon, actor=SYSTEM)

        assert blacklist.unblock_and_publish(card=card, at=noon, actor=SYSTEM).version == 2

    def test_a_crash_between_block_and_publication_is_healed_by_the_task(self):
        now = timezone.now()
        card = made.credential(at=now).card
        block(card, now)

        tasks.publish_waiting()

        assert BlacklistVersion.objects.get().entries == 1
