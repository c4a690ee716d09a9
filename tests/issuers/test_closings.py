"""An account closes when nothing is on it, and never before."""

from datetime import timedelta

import pytest
from django.db.models import F

from config.audit import SYSTEM
from issuers.models import Account, Debt
from issuers.services import accounts, cards, closings, credentials
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(noon):
    """An account without money, whose one card is closed."""
    card = made.card(balance_minor=0, at=noon)
    cards.close(card=card, at=noon, actor=SYSTEM)
    return Account.objects.get()


def close(account, at):
    return closings.close_account(account=account, reason="Left", at=at, actor=SYSTEM)


def test_an_empty_one_is_closed(account, noon):
    assert close(account, noon).state == "CLOSED"
    with pytest.raises(accounts.AccountClosed):
        close(account, noon)


@pytest.mark.parametrize("left", [{"balance_minor": 1}, {"balance_minor": -1}, {"held_minor": 1}])
def test_one_with_money_or_a_debt_stays(account, left, noon):
    Account.objects.update(limit_minor=1, **left)

    with pytest.raises(closings.AccountNotEmpty):
        close(account, noon)


def test_one_with_an_open_debt_stays(account, noon):
    Debt.objects.create(account=account, card=account.cards.get(), amount_minor=100, opened_at=noon)

    with pytest.raises(closings.AccountNotEmpty):
        close(account, noon)


def test_one_with_a_card_stays(noon):
    card = made.card(balance_minor=0, at=noon)

    with pytest.raises(closings.CardsOpen):
        close(card.account, noon)


def test_one_whose_reserve_may_be_drawn_on_stays_until_its_time(noon):
    credential = made.credential(of=made.card(balance_minor=50_000, at=noon), at=noon)
    cards.close(card=credential.card, at=noon, actor=SYSTEM)
    Account.objects.update(balance_minor=0, limit_minor=F("offline_reserve_minor"))
    with pytest.raises(closings.AccountNotEmpty):
        close(credential.card.account, noon)

    released_at = credential.expires_at + timedelta(days=8)
    credentials.release_expired(at=released_at)

    assert close(credential.card.account, released_at).state == "CLOSED"
