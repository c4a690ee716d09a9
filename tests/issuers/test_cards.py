"""Cards: issued, frozen by their owner, closed."""

import pytest

from config.audit import SYSTEM
from issuers.models import Card, ListedNumber, OtaCommand
from issuers.services import blacklist, cards
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


class TestACard:
    def test_has_an_account_and_no_number_of_a_real_card(self, noon):
        card = made.card(balance_minor=30_000, at=noon)

        assert len(card.token) == 16
        assert len(card.last4) == 4
        assert (card.account.balance_minor, card.account.available_minor) == (30_000, 30_000)

    def test_is_never_named_like_an_option(self, noon):
        programme = made.programme(at=noon)

        names = {made.card(of=programme, at=noon).reference[0] for _ in range(150)}

        assert "-" not in names

    @pytest.mark.parametrize("money", [{"balance_minor": -1}, {"limit_minor": 1}])
    def test_does_not_begin_with_money_it_cannot_have(self, money, noon):
        with pytest.raises(cards.OpeningInvalid):
            made.card(**money, at=noon)

    def test_lends_when_it_is_a_credit_card(self, noon):
        programme = made.programme(kind="CREDIT", at=noon)

        card = made.card(of=programme, balance_minor=0, limit_minor=500_000, at=noon)

        assert card.account.available_minor == 500_000


class TestTheOwnersFreeze:
    def test_comes_and_goes(self, noon):
        card = made.card(at=noon)

        assert cards.freeze(card=card, at=noon, actor=SYSTEM).frozen_by_owner_at == noon
        assert cards.unfreeze(card=card, at=noon, actor=SYSTEM).frozen_by_owner_at is None

    def test_never_lifts_an_issuers_block(self, noon):
        card = made.card(at=noon)
        cards.freeze(card=card, at=noon, actor=SYSTEM)
        blacklist.block(card=card, reason="LOST", at=noon, actor=SYSTEM)

        cards.unfreeze(card=card, at=noon, actor=SYSTEM)

        assert Card.objects.get(pk=card.pk).state == Card.State.BLOCKED


class TestClosing:
    def test_lists_the_numbers_and_wipes_the_phones(self, noon):
        credential = made.credential(at=noon)

        cards.close(card=credential.card, at=noon, actor=SYSTEM)

        assert ListedNumber.objects.get().list_number == credential.list_number
        assert OtaCommand.objects.get().action == OtaCommand.Action.WIPE

    def test_is_for_good(self, noon):
        card = made.card(at=noon)
        cards.close(card=card, at=noon, actor=SYSTEM)

        for act in (cards.close, cards.freeze, cards.unfreeze, blacklist.unblock):
            with pytest.raises(blacklist.CardClosed):
                act(card=card, at=noon, actor=SYSTEM)

    def test_of_a_blocked_card_keeps_its_entry(self, noon):
        card = made.card(at=noon)
        entry = blacklist.block(card=card, reason="FRAUD", at=noon, actor=SYSTEM).entry

        cards.close(card=card, at=noon, actor=SYSTEM)

        assert card.blacklist_entries.get() == entry
