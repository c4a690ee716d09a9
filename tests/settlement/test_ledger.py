"""The ledger adds up, and the database refuses what would not."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from settlement.models import LedgerAccount, Posting, Transfer
from settlement.services import ledger
from settlement.services.ledger import Draft, Key

A, B = Key("CARDHOLDER", "ACC-A", "KRW"), Key("MERCHANT", "MER-B", "KRW")
DOLLARS = Key("MERCHANT", "MER-B", "USD")


def post(noon, *drafts):
    return ledger.post_many(kind="test", transfers=list(drafts), at=noon)


def sale(minor, *, debit=A, credit=B):
    return Draft("OFFLINE_SALE", debit, credit, minor)


def account(key):
    return LedgerAccount.objects.get(kind=key.kind, owner=key.owner, currency=key.currency)


@pytest.mark.django_db
def test_a_posting_moves_balances_and_sums_to_zero(noon):
    post(noon, sale(700), sale(300))

    assert ledger.balance_of(account(A)) == -1000
    assert ledger.balance_of(account(B)) == 1000
    assert ledger.balances(kind="MERCHANT") == {B: 1000}


@pytest.mark.django_db
def test_accounts_are_made_once(noon):
    first = ledger.accounts_for([A, B, A])

    assert ledger.accounts_for([B, A]) == first
    assert ledger.accounts_for([]) == {}


@pytest.mark.django_db
def test_a_transfer_stays_in_one_currency(noon):
    with pytest.raises(ledger.CurrenciesDiffer):
        post(noon, sale(1, credit=DOLLARS))


@pytest.mark.django_db
@pytest.mark.parametrize("draft", [sale(0), sale(-5), sale(5, credit=A)])
def test_a_transfer_is_positive_and_between_two(noon, draft):
    with pytest.raises(IntegrityError):
        post(noon, draft)


@pytest.mark.django_db
def test_the_digest_tells_ledgers_apart(noon):
    empty = ledger.digest()
    post(noon, sale(1))
    one = ledger.digest()
    post(noon, sale(1))

    assert len({empty, one, ledger.digest()}) == 3


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Transfer, Posting, LedgerAccount])
@pytest.mark.parametrize("act", ["update", "delete"])
def test_nothing_in_the_ledger_changes(noon, model, act):
    post(noon, sale(5))
    statement = {
        "update": f"UPDATE {model._meta.db_table} SET id = id",
        "delete": f"DELETE FROM {model._meta.db_table}",
    }

    with (
        pytest.raises(DatabaseError, match="Cannot update or delete"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement[act])


def written(noon, *, count=1, total=100, rows=((100, "KRW"),), credit=B, **said):
    """Write a posting and its transfers by hand; what it says need not be so."""
    ids = ledger.accounts_for([A, B, DOLLARS])
    told = {"code": "OFFLINE_SALE", "debit_id": ids[A], "credit_id": ids[credit]} | said
    with transaction.atomic():
        posting = Posting.objects.create(
            kind="test", posted_at=noon, transfer_count=count, transfer_sum=total
        )
        for minor, currency in rows:
            Transfer.objects.create(posting=posting, amount_minor=minor, currency=currency, **told)
    return posting


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 2},
        {"total": 99},
        {"rows": ()},
        {"rows": ((100, "USD"),)},
        {"credit": DOLLARS},
    ],
)
def test_a_posting_that_does_not_add_up_never_commits(noon, wrong):
    written(noon)

    with pytest.raises(IntegrityError):
        written(noon, **wrong)

    assert Transfer.objects.count() == Posting.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_transfer_joins_no_posting_but_its_own_transactions(noon):
    posting = written(noon)
    ids = ledger.accounts_for([A, B])

    for late in (posting.pk, posting.pk + 1000):
        with pytest.raises(IntegrityError):
            Transfer.objects.create(
                posting_id=late,
                code="OFFLINE_SALE",
                debit_id=ids[A],
                credit_id=ids[B],
                amount_minor=1,
                currency="KRW",
            )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", ["debit_id", "credit_id", "payment_id"])
def test_a_transfer_names_what_exists(noon, field):
    with pytest.raises(IntegrityError):
        written(noon, **{field: 10**9})


@pytest.mark.django_db(transaction=True)
def test_two_postings_that_need_the_same_new_accounts_both_succeed(noon):
    def other():
        try:
            post(noon, *[sale(1, debit=Key("CARDHOLDER", f"ACC-{n}", "KRW")) for n in range(50)])
        finally:
            connection.close()

    threads = [threading.Thread(target=other) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert LedgerAccount.objects.count() == 51
    assert ledger.balance_of(account(B)) == 200
    assert ledger.check() == []
