"""Mission 6.03: holds, offline reserve and postings together never spend more than there is."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection

from config.refusals import Refused
from config.wire.keys import SigningKey
from issuers.models import Account, Credential, Hold
from issuers.services import accounts, credentials
from settlement.models import Payment, Transfer
from settlement.services import batches, ledger
from tests.factories import requests as made
from tests.factories import settlement as factory
from tests.factories.wallets import enrolled_phone
from tests.settlement.test_online import at_once
from wallets.models import Phone

pytestmark = pytest.mark.django_db(transaction=True)

BALANCE = 60_000  # free beside the reserve of the card's phone
SHARE = 10_000
EACH = 6


@pytest.fixture
def payer(db):
    return made.payer(balance=BALANCE)


def tried(act):
    """Return an act that answers whether it was done, refused by domain or by database."""

    def run():
        try:
            act()
        except (Refused, IntegrityError):
            return False
        return True

    return run


def holding(payer, at):
    """Return acts that each set a share aside for a document of their own."""
    account = payer.account
    return [
        lambda n=n: accounts.hold(account=account, document=f"PRE-{n}", amount_minor=SHARE, at=at)
        for n in range(EACH)
    ]


def paying(payer, at):
    """Return acts that each pay a share by T-ID, claimed before."""
    terminal = made.terminal()
    consents = []
    for _ in range(EACH):
        request = payer.claims(terminal.asks(SHARE, at=at), at=at)
        consents.append((request, payer.consent(request)))

    def pay(request, consent):
        payer.approves(request, at=at, consent=consent)

    return [lambda each=each: pay(*each) for each in consents]


def reserving(payer, at):
    """Return acts that each put the card on one more phone, which sets a reserve aside."""
    customer = Phone.objects.get(device=payer.phone).customer
    acts = []
    for _ in range(2):
        phone, _key = enrolled_phone(customer=customer, at=at)
        key = SigningKey.generate().public
        acts.append(
            lambda phone=phone, key=key: credentials.issue(
                card=payer.held.card, device=phone, public_key=key, at=at
            )
        )
    return acts


def posting(payer, at):
    """Return an act that posts what the card paid offline out of its reserve."""
    till = factory.till(now=at)
    till.upload(*[payer.held.sale(till, SHARE, at=at) for _ in range(3)])
    return [lambda: batches.post_waiting(limit=5, at=at + timedelta(seconds=1))]


def everything(payer, at):
    acts = [*holding(payer, at), *paying(payer, at), *reserving(payer, at), *posting(payer, at)]
    at_once(*[tried(act) for act in acts])
    return Account.objects.get(pk=payer.account.pk)


def test_6_03_available_is_balance_less_holds_less_offline_reserve(payer, noon):
    accounts.hold(account=payer.account, document="PRE-1", amount_minor=SHARE, at=noon)
    account = payer.account
    assert (account.balance_minor, account.held_minor) == (160_000, SHARE)
    assert account.offline_reserve_minor == 100_000
    assert account.available_minor == 160_000 - SHARE - 100_000 == 50_000


def test_6_03_the_three_together_never_overspend(payer, noon):
    account = everything(payer, noon)
    held = sum(Hold.objects.filter(state="HELD").values_list("amount_minor", flat=True))
    reserved = sum(Credential.objects.values_list("reserve_minor", flat=True))
    online = Payment.objects.filter(channel="TID", state="APPROVED").count() * SHARE
    offline = Payment.objects.filter(channel="OFFLINE").count() * SHARE
    assert account.available_minor >= 0
    assert (account.held_minor, account.offline_reserve_minor) == (held, reserved)
    assert account.balance_minor == BALANCE + 100_000 - online - offline
    assert offline == 3 * SHARE, "what was reserved is there whoever else comes"
    assert held + online + reserved + offline <= BALANCE + 100_000
    assert ledger.check() == []
    assert Transfer.objects.filter(code="DEBT_OPENED").count() == 0


@contextmanager
def without_its_guards(monkeypatch):
    """Let holds read the account without its lock, and the database take what it refuses."""

    def unlocked(*, account_ids):
        with connection.cursor() as cursor:
            rows = {row.pk: row for row in Account.objects.filter(pk__in=account_ids)}
            cursor.execute("SELECT pg_sleep(0.05)")
        return rows

    constraint = "account_available_not_negative"
    check = next(each for each in Account._meta.constraints if each.name == constraint)
    with connection.schema_editor() as editor:
        editor.remove_constraint(Account, check)
    monkeypatch.setattr(accounts, "lock", unlocked)
    try:
        yield
    finally:
        Hold.objects.all().delete()
        Account.objects.update(held_minor=0)
        with connection.schema_editor() as editor:
            editor.add_constraint(Account, check)


def test_6_03_negative_control_without_the_lock_holds_overspend(payer, noon, monkeypatch):
    with without_its_guards(monkeypatch):
        acts = [
            lambda n=n: accounts.hold(
                account=payer.account, document=f"PRE-{n}", amount_minor=BALANCE, at=noon
            )
            for n in range(EACH)
        ]
        done = at_once(*[tried(act) for act in acts])
        held = sum(Hold.objects.values_list("amount_minor", flat=True))
    assert done.count(True) > 1
    assert held > BALANCE
