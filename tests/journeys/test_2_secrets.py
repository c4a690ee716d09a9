"""Mission 2.14: neither PIN nor account number stands in payment numbers, logs or database."""

from contextlib import closing

import pytest

from config.wire import b64
from tests.journeys import checkout
from tests.journeys.books import Books
from tests.journeys.smart import Shopper, present
from tests.journeys.test_3_secrets import files_below, found_in

APPS = ("benefits_", "config_", "merchants_", "settlement_", "wallets_")


@pytest.fixture(scope="module")
def books(portal):
    with closing(Books(portal)) as books:
        yield books


@pytest.fixture(scope="module")
def paid(street, stall, stand, phones, purse, books):
    """A purchase paid by one code, one that its phone agreed to, and the secrets behind both."""
    shopper = Shopper(street=street, shop=stall, phone=phones[0], card=purse["card"])
    plan = shopper.plans_to_pay(shopper.gets("COUPON_FIXED", amount=300))
    psn = shopper.psn(plan)
    told = [present(stand, f"{plan['code']}.{psn}", 4_321)]
    asked = shopper.plans_to_pay(max_amount=1)
    told.append(present(stand, shopper.code(asked), 4_322))
    (waiting,) = shopper.waiting()  # while its number is kept, sealed
    kept = b"".join(books.tables(app).encode() for app in APPS)
    shopper.agrees(asked, waiting)
    account = books.account(card=purse["card"])
    secrets = {"pin": checkout.PIN, "psn": psn, "tsn": plan["tsn"], "open tsn": asked["tsn"]}
    return told, secrets, account, kept


def test_2_14_a_payment_number_is_made_of_no_digits_of_pin_or_card(paid, purse):
    _told, secrets, account, _kept = paid
    assert secrets["psn"].isdigit()
    for secret in (secrets["pin"], account, b64.decode(purse["card"]).hex()):
        assert secret not in secrets["psn"]


def test_2_14_no_table_holds_pin_or_number(paid, books):
    told, secrets, _account, kept = paid
    now = b"".join(books.tables(app).encode() for app in APPS)
    assert told[0]["checkout"].encode() in now, "the search sees what is there"
    for text in (kept, now):
        assert found_in(text, secrets) == set()


def test_2_14_no_log_holds_pin_number_or_account(paid, portal):
    _told, secrets, account, _kept = paid
    logs = files_below(portal.data / "logs")
    assert b"/api/v1/terminal/checkouts" in logs, "the search sees what was asked"
    assert found_in(logs, secrets | {"account": account}) == set()


def test_2_14_control_the_search_finds_what_is_there(paid, books):
    _told, secrets, account, _kept = paid
    planted = " ".join(secrets.values()).encode()
    assert found_in(planted, secrets) == set(secrets)
    assert found_in(books.tables("issuers_").encode(), {"account": account}) == {"account"}
