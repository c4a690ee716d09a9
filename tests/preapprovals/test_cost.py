"""What an approval, a redemption and a report cost does not grow with what stands beside them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from settlement.selectors.preapprovals import of_customer
from tests.factories import preapprovals as made

pytestmark = pytest.mark.django_db
MANY = 20


def cost(act, *words, **more):
    with CaptureQueriesContext(connection) as asked:
        told = act(*words, **more)
    return len(asked), told


def costs(payer, atm, noon):
    wish = made.wish_of(payer, at=noon)
    approving, word = cost(made.preapprovals.approve, device=payer.phone, wish=wish, at=noon)
    taking, taken = cost(atm.takes, word, at=noon)
    reporting, _done = cost(atm.reports, taken, at=noon)
    listing, _page = cost(of_customer, device=payer.phone, after="", at=noon)
    return approving, taking, reporting, listing


def test_as_many_statements_with_many_others(payer, atm, noon):
    made.policy(payer, outstanding_max=99, daily_count_max=99)
    costs(payer, atm, noon)  # the first posting makes the ledger's accounts
    first = costs(payer, atm, noon)
    for _ in range(MANY):
        made.approved(payer, 100, at=noon)
    assert costs(payer, atm, noon) == first
    assert first[3] == 1
