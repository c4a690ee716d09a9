"""What people see of issuers: their own tenants' rows, and how far the list has got."""

import pytest

from config.audit import SYSTEM
from config.models import Membership, User
from issuers import selectors
from issuers.models import BlacklistEntry
from issuers.services import blacklist, commands
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def member(role, kind, tenant):
    user = User.objects.create_user(f"{role.lower()}{tenant.lower()}@example.com", None, name=role)
    Membership.objects.create(user=user, role=role, tenant_kind=kind, tenant=tenant)
    return user


def block(card, at):
    return blacklist.block_and_publish(card=card, reason="LOST", at=at, actor=SYSTEM)


class TestVisibility:
    @pytest.fixture
    def two_cards(self, noon):
        cards = [made.credential(at=noon).card for _ in range(2)]
        for card in cards:
            block(card, noon)
        return cards

    def seen(self, user):
        return [
            list(rows(user).values_list("pk", flat=True))
            for rows in (
                selectors.issuers_visible_to,
                selectors.programmes_visible_to,
                selectors.cards_visible_to,
                selectors.blacklist_visible_to,
            )
        ]

    def test_staff_see_their_own_issuer_alone(self, two_cards):
        mine, _foreign = two_cards
        user = member("ISSUER_RISK", "ISSUER", mine.issuer.reference)

        assert self.seen(user) == [
            [mine.issuer_id],
            [mine.programme_id],
            [mine.pk],
            [mine.blacklist_entries.get().pk],
        ]

    def test_the_platform_sees_all(self, two_cards):
        user = member("PLATFORM_ADMIN", "PLATFORM", "")

        assert [len(rows) for rows in self.seen(user)] == [2, 2, 2, 2]

    def test_who_has_left_sees_nothing(self, two_cards, noon):
        user = member("ISSUER_RISK", "ISSUER", two_cards[0].issuer.reference)
        Membership.objects.update(ended_at=noon)

        assert self.seen(user) == [[], [], [], []]

    def test_a_merchants_staff_see_nothing(self, two_cards):
        assert self.seen(member("MERCHANT_OWNER", "MERCHANT", "MER-1")) == [[], [], [], []]


class TestAnEntry:
    def entry(self):
        return selectors.with_reach(BlacklistEntry.objects.all()).get()

    def test_tells_its_reach_and_exposure(self, noon, carried_phone):
        card = made.card(at=noon)
        carried = carried_phone(card.issuer, noon)
        carried.take(card, noon)
        block(card, noon)
        before = self.entry()
        (sent,) = commands.pending_for(device=carried.device, after=0, at=noon)
        carried.obey(sent.command, noon)
        after = self.entry()

        assert (before.phones, before.reached, before.delivery) == (1, 0, "PENDING")
        assert (before.listed_in, before.lifted_in, before.exposure_minor) == (1, None, 200_000)
        assert (after.reached, after.delivery, after.exposure_minor) == (1, "APPLIED", 0)

    def test_once_lifted_tells_of_the_unblock(self, noon):
        card = made.credential(at=noon).card
        block(card, noon)
        blacklist.unblock_and_publish(card=card, at=noon, actor=SYSTEM)

        told = self.entry()

        assert (told.phones, told.delivery, told.lifted_in) == (1, "PENDING", 2)
        assert told.exposure_minor == 0


def test_a_card_on_no_phone_has_an_entry_without_delivery(noon):
    block(made.card(at=noon), noon)

    told = selectors.with_reach(BlacklistEntry.objects.all()).get()

    assert (told.phones, told.delivery, told.listed_in) == (0, "", None)
