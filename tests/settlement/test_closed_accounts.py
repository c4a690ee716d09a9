"""A void that comes after its account was closed: nothing stays there, the holder is due it."""

import pytest

from config.audit import SYSTEM
from issuers.models import Account, Debt
from issuers.services import accounts, cards, closings
from settlement.models import ExceptionItem, LedgerAccount, Transfer
from settlement.services import batches, ledger, online, resolutions
from tests.factories import settlement as factory
from tests.settlement.test_debts import pay_in

pytestmark = pytest.mark.django_db
PAID = 40_000


@pytest.fixture
def gone(till, noon):
    """A card that paid all its account had, online, and was closed with it."""
    held = factory.card_on_phone(balance=0)
    pay_in(held, PAID, noon)
    answer = online.authorise(
        device=till.device,
        record=held.sale(till, PAID),
        certificate=bytes(held.credential.certificate),
        at=noon,
    )
    assert answer.state == "APPROVED"
    cards.close(card=held.card, at=noon, actor=SYSTEM)
    account = Account.objects.get(pk=held.card.account_id)
    closings.close_account(account=account, reason="Left", at=noon, actor=SYSTEM)
    return held


def void(till, held, noon):
    till.upload(held.void(till, PAID, 1))
    batches.post_waiting(limit=20, at=noon)
    assert till.result() == [("POSTED", "")]


def due(held):
    """Return what the ledger says is due to the holder."""
    owner = held.card.account.reference
    amounts = Transfer.objects.values_list("amount_minor", flat=True)
    paid = sum(amounts.filter(debit__kind="PAYABLE", debit__owner=owner))
    return sum(amounts.filter(credit__kind="PAYABLE", credit__owner=owner)) - paid


def test_it_is_set_apart_for_the_holder_and_told(till, gone, noon):
    void(till, gone, noon)

    account = Account.objects.get(pk=gone.card.account_id)
    assert (account.state, account.balance_minor, due(gone)) == ("CLOSED", 0, PAID)
    item = ExceptionItem.objects.get(kind="closed_account_money")
    assert (item.tenant, item.payment.atc) == (gone.card.issuer.reference, 1)
    assert item.detail == {
        "account": account.reference,
        "amount_minor": PAID,
        "currency": "KRW",
    }
    assert ledger.check() == []


def test_resolving_it_says_that_it_was_paid_out_once(till, gone, noon):
    void(till, gone, noon)
    told = {"item": ExceptionItem.objects.get(kind="closed_account_money"), "reason": "By bank."}

    resolutions.resolve(**told, at=noon, actor=SYSTEM)
    with pytest.raises(resolutions.ExceptionResolved):
        resolutions.resolve(**told, at=noon, actor=SYSTEM)

    assert due(gone) == 0
    paid = Transfer.objects.get(code="PAYABLE_PAID")
    assert (paid.credit.kind, paid.credit.owner) == ("FUNDING", gone.card.issuer.reference)
    assert ledger.check() == []


def test_other_exceptions_move_no_money(till, card, noon):
    till.upload(card.sale(till, atc=5))
    batches.post_waiting(limit=20, at=noon)
    before = Transfer.objects.count()

    resolutions.resolve(item=ExceptionItem.objects.get(), reason="Seen.", at=noon, actor=SYSTEM)

    assert Transfer.objects.count() == before


def test_what_the_account_owes_stays_on_it_to_be_collected(till, gone, noon):
    account = Account.objects.get(pk=gone.card.account_id)
    Debt.objects.create(account=account, card=gone.card, amount_minor=15_000, opened_at=noon)
    change = accounts.OfflineChange(
        account_id=account.pk,
        credential_id=gone.credential.pk,
        balance_minor=PAID,
        used_minor=0,
    )

    moved = accounts.post_offline(changes=[change], at=noon)

    assert [one.amount_minor for one in moved.left] == [PAID - 15_000]
    assert Account.objects.get(pk=account.pk).balance_minor == 15_000


def test_on_an_open_account_a_void_gives_the_money_back(till, card, noon):
    till.upload(card.sale(till), card.void(till, 1000, 1))
    batches.post_waiting(limit=20, at=noon)

    assert Account.objects.get(pk=card.card.account_id).balance_minor == 1_000_000
    assert not LedgerAccount.objects.filter(kind="PAYABLE").exists()


def test_control_taken_for_an_open_account_it_stays_there(till, gone, noon, monkeypatch):
    monkeypatch.setattr(accounts, "_MOVE", accounts._MOVE.replace("'CLOSED'", "'NEVER'"))

    with pytest.raises(AssertionError):
        test_it_is_set_apart_for_the_holder_and_told(till, gone, noon)
