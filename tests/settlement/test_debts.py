"""What is spent offline beyond all an account has: owed, listed, and collected (mission §1)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from issuers.models import Account, BlacklistEntry, Card, Debt, OtaCommand, Programme
from issuers.services import blacklist
from issuers.wire import Action, Command
from settlement.models import Transfer
from settlement.services import batches, contacts, debts, ledger, online
from settlement.simulation.checker.findings import Findings
from settlement.simulation.checker.ledger import check_positions
from tests.factories import settlement as factory
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db

BALANCE, SPENT = 30_000, 50_000
OWED = SPENT - BALANCE


@pytest.fixture
def card(db):
    """A card whose account holds less than its phone, a hostile one, will spend."""
    return factory.card_on_phone(balance=BALANCE)


def overspend(till, card, amount=SPENT):
    """Post more than the certificate allows, by a phone that forgets what it has spent."""
    half = amount // 2
    till.upload(*[card.sale(till, half, cumulative=half) for _ in range(2)])
    batches.post_waiting(limit=20, at=till.now)


def position(card):
    account = Account.objects.get(pk=card.card.account_id)
    return account.balance_minor, account.offline_reserve_minor, account.available_minor


def pay_in(card, minor, at):
    """Bring money to the account, as an opening does."""
    Account.objects.filter(pk=card.card.account_id).update(balance_minor=F("balance_minor") + minor)
    account = Account.objects.select_related("programme__issuer").get(pk=card.card.account_id)
    funding = ledger.Key("FUNDING", account.programme.issuer.reference, account.currency)
    holder = ledger.Key("CARDHOLDER", account.reference, account.currency)
    draft = ledger.Draft(Transfer.Code.OPENING, funding, holder, minor)
    ledger.post_many(kind="correction", transfers=[draft], at=at)


def state(card):
    return Card.objects.get(pk=card.card.pk).state


def actions(card, at):
    pulled = contacts.pull(device=card.phone, after=0, at=at)
    return [Command.peek(each.command).action for each in pulled]


def test_a_posting_that_overdraws_opens_a_debt_and_leaves_nothing_below_zero(till, card):
    overspend(till, card)

    debt = Debt.objects.get()
    assert (debt.amount_minor, debt.collected_minor, debt.card) == (OWED, 0, card.card)
    assert position(card) == (0, 0, 0)
    (moved,) = Transfer.objects.filter(code="DEBT_OPENED").select_related("debit", "credit")
    assert (moved.debit.kind, moved.credit.kind) == ("RECEIVABLE", "CARDHOLDER")
    assert moved.amount_minor == OWED
    assert ledger.check() == []


def test_further_spending_adds_to_the_open_debt(till, card):
    Programme.objects.update(list_on_debt=False)  # else the issuer bears what comes after
    overspend(till, card)
    overspend(till, card, 8_000)

    assert Debt.objects.get().outstanding_minor == OWED + 8_000
    assert ledger.check() == []


def test_a_credit_card_owes_only_beyond_its_limit(till):
    card = factory.card_on_phone(
        of=factory.programme(kind="CREDIT"), balance=0, limit_minor=BALANCE
    )
    overspend(till, card)

    assert Debt.objects.get().outstanding_minor == OWED
    assert position(card) == (-BALANCE, 0, 0)
    assert ledger.check() == []


def test_the_card_is_listed_as_delinquent_by_the_system(till, card):
    overspend(till, card)

    entry = BlacklistEntry.objects.get()
    assert (entry.reason, entry.card, state(card)) == ("DELINQUENT", card.card, "BLOCKED")
    assert Debt.objects.get().entry == entry


def test_a_programme_may_leave_debtors_unlisted(till, card):
    Programme.objects.update(list_on_debt=False)

    overspend(till, card)

    assert (Debt.objects.count(), state(card)) == (1, "ACTIVE")


def test_the_next_contact_collects_and_lifts_the_listing(till, card, noon):
    overspend(till, card)
    pay_in(card, OWED + 500, noon)

    assert actions(card, noon) == [Action.BLOCK, Action.UNBLOCK]

    debt = Debt.objects.get()
    assert (debt.outstanding_minor, debt.closed_at, state(card)) == (0, noon, "ACTIVE")
    assert position(card) == (500, 0, 500)
    assert ledger.check() == []


def test_what_is_too_little_is_taken_and_the_card_stays_listed(till, card, noon):
    overspend(till, card)
    pay_in(card, 500, noon)

    assert actions(card, noon) == [Action.BLOCK]

    assert Debt.objects.get().outstanding_minor == OWED - 500
    assert (position(card), state(card)) == ((0, 0, 0), "BLOCKED")
    assert ledger.check() == []


def test_a_tap_online_collects_before_the_card_is_looked_at(till, card, noon):
    overspend(till, card)
    pay_in(card, OWED + 2_000, noon)

    answer = online.authorise(
        device=till.device,
        record=card.sale(till, 1_500),
        certificate=bytes(card.credential.certificate),
        at=noon,
    )

    assert (answer.state, state(card)) == ("APPROVED", "ACTIVE")
    assert Debt.objects.get().closed_at == noon
    assert position(card)[0] == 500
    assert ledger.check() == []


def test_a_listing_of_staff_stays_when_the_debt_is_paid(till, card, noon):
    blacklist.block(card=card.card, reason="FRAUD", at=noon + timedelta(seconds=1), actor=SYSTEM)
    overspend(till, card)
    pay_in(card, OWED, noon)

    contacts.pull(device=card.phone, after=0, at=noon)

    assert Debt.objects.get().closed_at == noon
    assert state(card) == "BLOCKED"


def test_staff_who_listed_the_card_anew_are_not_overruled(till, card, noon):
    overspend(till, card)
    blacklist.unblock(card=card.card, at=noon, actor=SYSTEM)
    blacklist.block(card=card.card, reason="FRAUD", at=noon, actor=SYSTEM)
    pay_in(card, OWED, noon)

    contacts.pull(device=card.phone, after=0, at=noon)

    assert state(card) == "BLOCKED"


def test_no_counters_are_reset_while_a_debt_is_open(till, card, noon):
    Programme.objects.update(reset_on_posting=True, list_on_debt=False)
    overspend(till, card)

    assert not OtaCommand.objects.filter(action=OtaCommand.Action.RESET).exists()
    pay_in(card, OWED + 5_000, noon)
    assert actions(card, noon) == [Action.RESET]


def test_a_debt_of_another_holder_is_not_collected_at_this_phones_contact(till, card, noon):
    overspend(till, card)
    pay_in(card, OWED, noon)

    contacts.pull(device=factory.card_on_phone().phone, after=0, at=noon)

    assert Debt.objects.get().collected_minor == 0


def test_a_crash_before_the_listing_only_delays_it(till, card, monkeypatch, noon):
    with monkeypatch.context() as patched:
        patched.setattr("issuers.services.debts.list_cards", lambda **_: 0)
        overspend(till, card)
    assert state(card) == "ACTIVE"

    batches.post_waiting(limit=20, at=noon)

    assert state(card) == "BLOCKED"


def test_collecting_costs_an_account_without_debt_one_query(card, noon, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert debts.collect(account_ids=[card.card.account_id], at=noon) == 0


@pytest.mark.parametrize(
    "change",
    [{"collected_minor": OWED + 1}, {"collected_minor": OWED}, {"closed_at": "2026-11-22T03:00Z"}],
)
def test_the_database_holds_a_debt_to_what_it_is(till, card, change):
    overspend(till, card)

    with pytest.raises(IntegrityError), transaction.atomic():
        Debt.objects.update(**change)


def test_negative_control_the_ledger_check_finds_a_debt_forgiven_by_hand(till, card):
    overspend(till, card)
    Debt.objects.update(amount_minor=OWED - 1)

    (line,) = ledger.check()

    assert f"debts {OWED - 1}, ledger {OWED}" in line


def test_negative_control_the_ledger_check_finds_an_account_below_zero(card):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE issuers_account DROP CONSTRAINT account_available_not_negative")
    Account.objects.filter(pk=card.card.account_id).update(held_minor=1)

    assert [line for line in ledger.check() if line.endswith("-1 available")]


def test_what_is_collected_is_collected_once(till, card, noon):
    overspend(till, card)
    pay_in(card, OWED, noon)

    debts.collect(account_ids=[card.card.account_id], at=noon)
    debts.collect(account_ids=[card.card.account_id], at=noon)

    assert Transfer.objects.filter(code="DEBT_COLLECTED").count() == 1
    assert ledger.check() == []


class _Books:
    """The checker's read-only connection, over this test's transaction."""

    def rows(self, query):
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


def test_negative_control_the_simulators_checker_finds_a_debt_forgiven_by_hand(till, card):
    overspend(till, card)
    whole, broken = Findings(), Findings()

    check_positions(_Books(), whole)
    Debt.objects.update(amount_minor=OWED - 1)
    check_positions(_Books(), broken)

    assert not whole.breaks("I8")
    assert broken.breaks("I8")
