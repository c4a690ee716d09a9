"""Mission §5: an approval number and its pickup code stand in no table and no log (B5)."""

from contextlib import closing

import pytest

from tests.journeys import ahead
from tests.journeys.ahead import Holder
from tests.journeys.books import Books
from tests.journeys.test_3_secrets import files_below, found_in

APPS = ("benefits_", "config_", "issuers_", "merchants_", "settlement_", "wallets_")


@pytest.fixture(scope="module")
def secrets(street, phones, purse):
    """Numbers that are live, at a machine, used and refused."""
    holder = Holder(phone=phones[1], card=purse["card"])
    atm = ahead.machine(street, street.shop("Quiet Bank"))
    live, taken, used = (holder.approves(1_000 + place) for place in range(3))
    atm.takes(taken)
    atm.reports(atm.takes(used))
    with pytest.raises(ahead.client.PortalRefused):
        atm.takes(live, amount=999)
    words = {"live": live, "at a machine": taken, "used": used}
    return {word: made["number"] for word, made in words.items()}


@pytest.fixture(scope="module")
def tables(portal, secrets):
    with closing(Books(portal)) as books:
        return {app: books.tables(app) for app in APPS}


def test_5_no_table_holds_a_number(secrets, tables):
    kept = "\n".join(tables.values())
    assert "preapproval.tried" in kept, "the search sees what is there"
    assert found_in(kept.encode(), secrets) == set()


def test_5_no_log_holds_a_number(portal, secrets):
    logs = files_below(portal.data / "logs")
    assert b"/api/v1/terminal/redemptions" in logs, "the search sees what was asked"
    assert found_in(logs, secrets) == set()


def test_5_control_the_search_finds_what_is_there(secrets, tables):
    planted = " ".join(secrets.values())
    assert found_in(planted.encode(), secrets) == set(secrets)
    assert "RDM-" in tables["settlement_"]
