"""What must post, and what is set aside."""

from datetime import timedelta

import pytest

from config.states import InvalidTransition
from issuers.models import Account, Credential, Debt
from issuers.services import accounts, credentials
from issuers.services.accounts import OfflineChange
from tests.factories import issuers as made

pytestmark = pytest.mark.django_db


def change(credential, balance_minor, used_minor):
    return OfflineChange(
        account_id=credential.card.account_id,
        credential_id=credential.pk,
        balance_minor=balance_minor,
        used_minor=used_minor,
    )


def position(credential):
    account = Account.objects.get(pk=credential.card.account_id)
    reserve = Credential.objects.get(pk=credential.pk).reserve_minor
    assert account.offline_reserve_minor == reserve
    return account.balance_minor, reserve, account.available_minor


class TestAnOfflinePosting:
    def test_leaves_what_is_available_as_it_was_while_covered(self, noon):
        credential = made.credential(at=noon)

        owed = accounts.post_offline(changes=[change(credential, -50_000, 50_000)], at=noon).owed

        assert position(credential) == (950_000, 150_000, 800_000)
        assert owed == []

    def test_beyond_the_reserve_and_what_is_available_makes_a_debt(self, noon):
        credential = made.credential(of=made.card(balance_minor=30_000, at=noon), at=noon)

        (owed,) = accounts.post_offline(changes=[change(credential, -50_000, 50_000)], at=noon).owed

        assert position(credential) == (0, 0, 0)
        assert owed.amount_minor == 20_000
        debt = Debt.objects.get()
        assert (debt.card, debt.outstanding_minor) == (credential.card, 20_000)

    def test_adds_to_the_debt_that_is_open(self, noon):
        credential = made.credential(of=made.card(balance_minor=30_000, at=noon), at=noon)

        for _ in range(2):
            accounts.post_offline(changes=[change(credential, -50_000, 50_000)], at=noon)

        assert Debt.objects.get().amount_minor == 70_000

    def test_after_the_release_has_no_reserve_to_draw_on(self, noon):
        credential = made.credential(at=noon)
        credentials.release_expired(at=noon + timedelta(days=15))

        accounts.post_offline(changes=[change(credential, -50_000, 50_000)], at=noon)

        assert position(credential) == (950_000, 0, 950_000)

    def test_of_a_sale_and_its_void_uses_the_reserve_and_no_money(self, noon):
        credential = made.credential(at=noon)

        accounts.post_offline(
            changes=[change(credential, -50_000, 50_000), change(credential, 50_000, 0)], at=noon
        )

        assert position(credential) == (1_000_000, 150_000, 850_000)

    def test_the_issuer_pays_for_takes_no_money_either(self, noon):
        credential = made.credential(at=noon)

        accounts.post_offline(changes=[change(credential, 0, 50_000)], at=noon)

        assert position(credential) == (1_000_000, 150_000, 850_000)

    def test_of_many_equals_many_of_one(self, noon):
        programme = made.programme(at=noon)
        pair = [
            made.credential(of=made.card(of=programme, balance_minor=260_000, at=noon), at=noon)
            for _ in range(2)
        ]
        amounts = [40_000, 50_000, 50_000, 70_000]

        together = [change(pair[0], -amount, amount) for amount in amounts]
        accounts.post_offline(changes=together, at=noon)
        for amount in amounts:
            accounts.post_offline(changes=[change(pair[1], -amount, amount)], at=noon)

        assert position(pair[0]) == position(pair[1])

    def test_takes_the_same_queries_for_one_and_for_many(self, noon, django_assert_num_queries):
        programme = made.programme(at=noon)
        many = [made.credential(of=made.card(of=programme, at=noon), at=noon) for _ in range(6)]

        with django_assert_num_queries(6):  # with the savepoint
            accounts.post_offline(changes=[change(one, -100, 100) for one in many], at=noon)


class TestAHold:
    def test_is_taken_from_what_is_available(self, noon):
        account = made.card(balance_minor=100, at=noon).account

        accounts.hold(account=account, document="PAY-1", amount_minor=60, at=noon)

        with pytest.raises(accounts.InsufficientFunds):
            accounts.hold(account=account, document="PAY-2", amount_minor=41, at=noon)

    def test_is_captured_in_part_and_the_rest_given_back(self, noon):
        account = made.card(balance_minor=100, at=noon).account
        accounts.hold(account=account, document="PAY-1", amount_minor=60, at=noon)

        accounts.capture(document="PAY-1", amount_minor=50, at=noon)

        account.refresh_from_db()
        assert (account.balance_minor, account.held_minor) == (50, 0)

    def test_ends_once(self, noon):
        account = made.card(balance_minor=100, at=noon).account
        accounts.hold(account=account, document="PAY-1", amount_minor=60, at=noon)
        accounts.release(document="PAY-1", at=noon)

        with pytest.raises(InvalidTransition):
            accounts.capture(document="PAY-1", amount_minor=1, at=noon)

    def test_never_pays_more_than_was_set_aside(self, noon):
        account = made.card(balance_minor=100, at=noon).account
        accounts.hold(account=account, document="PAY-1", amount_minor=60, at=noon)

        with pytest.raises(accounts.ExceedsHold):
            accounts.capture(document="PAY-1", amount_minor=61, at=noon)
