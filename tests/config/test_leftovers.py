"""The check at the end of a run: it sees what a test has committed."""

import pytest

from tests.factories.wallets import CustomerFactory
from tests.leftovers import Watch


@pytest.mark.django_db(transaction=True)
def test_a_committed_row_is_told_by_its_table():
    watch = Watch()
    watch.look()

    CustomerFactory()

    with pytest.raises(AssertionError, match="left behind in wallets_customer"):
        watch.look()
