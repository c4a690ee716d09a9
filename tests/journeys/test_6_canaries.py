"""No list, file, log, audit entry, task or error ever holds a number that pays (issue 6).

Numbers that live, that lie at a till and that are spent, with the PIN behind them, are looked for
in every table, log, page and file, in all that the broker was told, and in every refusal.
"""

from contextlib import closing, suppress

import httpx
import pytest

from config.wire import b64
from config.wire.client import PortalRefused
from tests.journeys import ahead, checkout
from tests.journeys.ahead import Holder
from tests.journeys.books import Books
from tests.journeys.canaries import found_in, overheard, told_by
from tests.journeys.smart import Shopper, present
from tests.journeys.street import Shop

AMOUNT = 43_217  # stands on every page that tells of the payment
# What the walk must have looked at, whatever else links lead to.
SEEN = {"database", "logs", "merchant owner: payment-live", "platform admin: audit"}


@pytest.fixture(scope="module")
def books(portal):
    with closing(Books(portal)) as books:
        yield books


@pytest.fixture(scope="module")
def shop(portal):
    """The shop whose owner signs in by the printed link."""
    merchant = portal.manage("seed_demo")["merchants"][0]
    return Shop(merchant=merchant, store="", api_key="", origin=portal.origin)


@pytest.fixture(scope="module")
def told(portal, street, shop, phones, purse, desks, books, tmp_path_factory):
    """The numbers, and the words of every place, by its name."""
    stand = checkout.stand(street, shop, folder=tmp_path_factory.mktemp("canary till"))
    buyer, other = (
        Shopper(street=street, shop=shop, phone=phone, card=purse["card"]) for phone in phones
    )
    with overheard(portal) as heard:
        spent = buyer.plans_to_pay(buyer.gets("COUPON_FIXED", amount=300))
        psn = buyer.psn(spent)
        assert present(stand, f"{spent['code']}.{psn}", AMOUNT)["state"] == "PAID"
        waiting = buyer.plans_to_pay(max_amount=1)
        present(stand, buyer.code(waiting), AMOUNT)
        living = other.plans_to_pay()
        refusals = refused(street, stand, spent=spent["tsn"], living=living["tsn"])
        approved, answers = at_an_atm(street, shop, Holder(phone=phones[1], card=purse["card"]))
        places = told_by(portal, books, desks)
    secrets = {
        "spent": spent["tsn"],
        "waiting": waiting["tsn"],
        "living": living["tsn"],
        "psn": psn,
        "pin": checkout.PIN,
        **approved,
    }
    return secrets, places | {"broker": b"".join(heard), "refusals": refusals + answers}


def at_an_atm(street, shop, holder):
    """Have amounts approved; return the numbers by what became of them, and the refusals."""
    made = {
        name: holder.approves(AMOUNT + place)
        for place, name in enumerate(("cash", "taken", "paid"))
    }
    numbers = {name: one["number"] for name, one in made.items()}
    atm, heard = ahead.machine(street, shop), []
    atm.takes(made["taken"])
    atm.reports(atm.takes(made["paid"]))
    wrong = [
        {"amount": 1},
        {"kind": "GIFT"},
        {"number": f"A2.{numbers['cash']}"},
        {"more": numbers["cash"]},
        {"pickup_code": "0000"},
    ]
    for words in wrong:
        with pytest.raises(PortalRefused) as refusal:
            atm.takes(made["cash"], **words)
        heard.append(repr(refusal.value.problem))
    with pytest.raises(PortalRefused) as refusal:
        atm.takes(made["paid"])
    return numbers, "\n".join([*heard, repr(refusal.value.problem)]).encode()


def refused(street, stand, *, spent, living):
    """Show numbers in every wrong way; return what was answered."""
    heard = []
    wrong = [
        {"code": spent, "amount": 1_000, "currency": "KRW"},
        {"code": f"S1.{living}.12", "amount": 1_000, "currency": "KRW"},
        {"code": living, "amount": living, "currency": living},
        {"code": living, "amount": 1_000, "currency": "KRW", "more": living},
        {"code": living, "amount": 1_000, "currency": "KRW", "items": [{"sku": living}]},
        living.encode(),
    ]
    with httpx.Client(event_hooks={"response": [httpx.Response.read, heard.append]}) as http:
        key, device = stand.identity.key, stand.identity.device
        session = street.session(key, device, attempts=1, http=http)
        for body in wrong:
            with suppress(PortalRefused):
                session.post("/terminal/checkouts", body=body)
    assert all(answer.is_client_error for answer in heard)
    assert len(heard) == len(wrong)
    return b"\n".join(answer.content for answer in heard)


def test_6_no_place_holds_a_number_that_pays(told):
    secrets, places = told
    found = {place: found_in(text, secrets) for place, text in places.items()}
    assert {place: names for place, names in found.items() if names} == {}


def test_6_the_walk_saw_what_there_is(told):
    _secrets, places = told
    assert places.keys() >= SEEN
    assert f"{AMOUNT:,}".encode() in places["merchant owner: payment-live"]
    assert b"/api/v1/terminal/checkouts" in places["logs"]
    assert b"celery" in places["broker"]
    assert b"tsn_used" in places["refusals"]
    assert b"number_used" in places["refusals"]


def test_6_control_a_number_is_found_however_it_is_spelled(told):
    secrets, _places = told
    for name, secret in secrets.items():
        data = secret.encode()
        planted = [b"x" * lead + data + b"yz" for lead in range(3)]
        for text in (data, data.hex().encode(), *(b64.encode(one).encode() for one in planted)):
            assert found_in(text, secrets) == {name}
