"""Cards begin with their balance in the ledger, by page and by command alike."""

import io
import json

import pytest
from django.core.management import call_command

from config.audit import SYSTEM
from config.models import Audit
from issuers.services.cards import OpeningInvalid
from settlement.models import Transfer
from settlement.services import ledger, openings
from settlement.services.ledger import Key
from tests.factories import settlement as factory
from tests.factories.wallets import CustomerFactory

pytestmark = pytest.mark.django_db


def command(*words):
    out = io.StringIO()
    try:
        call_command("card_issue", *words, "--json", stdout=out)
    except SystemExit as ended:
        return ended.code, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def issue(noon, **opening):
    return openings.issue_card(
        programme=factory.programme(), holder="CUS-1", at=noon, actor=SYSTEM, **opening
    )


def test_the_opening_balance_stands_in_the_ledger(noon):
    card = issue(noon, balance_minor=70_000)

    held = Key("CARDHOLDER", card.account.reference, "KRW")
    assert ledger.balances(kind="CARDHOLDER") == {held: 70_000}
    assert ledger.check() == []


def test_a_card_without_a_balance_needs_no_transfer(noon):
    issue(noon)

    assert not Transfer.objects.exists()
    assert ledger.check() == []


def test_a_refused_opening_leaves_nothing(noon):
    with pytest.raises(OpeningInvalid):
        issue(noon, balance_minor=-1)

    assert not Transfer.objects.exists()


def test_a_position_the_ledger_does_not_show_is_found(noon):
    card = issue(noon, balance_minor=100)
    card.account.balance_minor = 99
    card.account.save()

    assert ledger.check() == [f"account {card.account.reference}: position 99, ledger 100"]


def test_the_command_answers_with_the_card(noon):
    customer, programme = CustomerFactory(), factory.programme()

    status, told = command(
        "--customer",
        customer.reference,
        "--programme",
        programme.reference,
        "--balance",
        "5000",
    )

    assert status == 0
    assert told == {
        "card": told["card"],
        "customer": customer.reference,
        "issuer": programme.issuer.reference,
        "programme": programme.reference,
        "currency": "KRW",
        "last4": told["last4"],
        "balance": 5000,
    }
    assert Audit.objects.filter(action="card.issue", subject=told["card"]).exists()


@pytest.mark.parametrize("missing", ["customer", "programme"])
def test_the_command_refuses_what_is_not_there(missing):
    named = {
        "customer": CustomerFactory().reference,
        "programme": factory.programme().reference,
    } | {missing: "XXX-0000000000"}

    status, told = command(*[w for name, ref in named.items() for w in (f"--{name}", ref)])

    assert (status, told["error"]["code"]) == (1, "not_found")
