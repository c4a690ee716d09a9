"""Mission 6.03, 6.07 and 6.08 where their users are: at the phone, at the till, at the desk."""

import csv
from contextlib import suppress
from typing import Any

import pytest

from config.wire import b64
from config.wire.client import PortalRefused
from tests.journeys import ahead, checkout
from tests.journeys.ahead import Holder
from tests.journeys.checkout import Stand
from tests.journeys.meeting import at_once
from tests.journeys.smart import Shopper, end, present
from tests.journeys.street import tap
from wallets.devices.purchase_words import Step
from wallets.devices.purchases import ReadBill

PRICE = 4_000
CHANNELS = ["OFFLINE", "PREAPPROVAL", "RELAY", "SMART", "TID"]


@pytest.fixture(scope="module")
def market(street):
    return street.shop("Whole Market")


@pytest.fixture(scope="module")
def terminal(street, market, tmp_path_factory) -> Stand:
    return checkout.stand(street, market, folder=tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def atm(street, market):
    return ahead.machine(street, market)


@pytest.fixture
def saver(street) -> Holder:
    """Somebody with a new card on a phone, which sets its offline reserve aside."""
    customer = street.customer("Han Sora")
    phone = street.handset(customer, pin=checkout.PIN)
    card = street.card(customer, balance=300_000)["card"]
    phone.take(card)
    return Holder(phone=phone, card=card)


def account(holder: Holder) -> tuple[int, int, int, int]:
    told = holder.phone.at_the_portal(holder.card)
    return told["balance"], told["held"], told["offline_reserve"], told["available"]


def pay(phone, terminal, card, amount) -> bool:
    """Pay a T-ID of the terminal; return whether the issuer said yes."""
    tid = terminal.new_tid(amount)
    terminal.ask(tid, amount)
    return checkout.buy(phone, tid, b64.decode(card)).step is Step.PAID


def test_6_03_available_is_what_holds_and_reserve_leave(saver, terminal):
    balance, held, reserve, available = account(saver)
    assert (held, available) == (0, balance - reserve)
    assert reserve > 0
    made = saver.approves(30_000)
    assert account(saver) == (balance, 30_000, reserve, available - 30_000)
    assert saver.approves(available - 29_999)["decline_reason"] == "insufficient_funds"
    assert not pay(saver.phone, terminal, saver.card, available - 29_999)
    assert pay(saver.phone, terminal, saver.card, available - 30_000)
    assert account(saver) == (balance - available + 30_000, 30_000, reserve, 0)
    saver.cancels(made)
    assert account(saver)[1:] == (0, reserve, 30_000)


def test_6_03_holds_payments_and_reserve_at_once_never_overspend(street, saver, terminal):
    balance, _held, reserve, available = account(saver)
    share = available // 3
    others = [street.handset(saver.phone.customer, pin=checkout.PIN) for _ in range(2)]
    wishes = [saver.wishes(share) for _ in range(3)]

    def hold(wish: dict[str, Any]) -> int:
        told = saver.phone.session.post("/wallet/preapprovals", body=wish).json()
        return share if told["state"] == "APPROVED" else 0

    def reserved(phone) -> int:
        with suppress(PortalRefused):  # too little is left to set aside
            phone.take(saver.card)
        return 0

    def paid(_turn: int) -> int:
        return share if pay(saver.phone, terminal, saver.card, share) else 0

    acts = [
        *(lambda wish=wish: hold(wish) for wish in wishes),
        *(lambda phone=phone: reserved(phone) for phone in others),
        lambda: paid(0) + paid(1) + paid(2),
    ]
    *held, _first, _second, online = at_once(lambda act: act(), acts)
    after = account(saver)
    assert after[0] == balance - online
    assert after[1] == sum(held)
    assert after[3] == after[0] - after[1] - after[2] >= 0
    assert after[2] >= reserve
    assert sum(held) + online > 0, "the control: something went through"


class TestTheFiveNumbers:
    """6.07: each is made by its own way, and taken for no other where one is due."""

    @pytest.fixture
    def numbers(self, street, market, terminal, phones, purse, saver, handset, token, new_counter):
        shopper = Shopper(street=street, shop=market, phone=phones[0], card=purse["card"])
        plan, tid = shopper.plans_to_pay(), terminal.new_tid(PRICE)
        terminal.ask(tid, PRICE)
        ahead_of = saver.approves(PRICE)
        counter = new_counter(market)
        assert tap(handset, token, counter, PRICE).state == "approved"
        counter.upload()
        code = next(
            each["approval_code"] for each in market.payments() if each["channel"] == "OFFLINE"
        )
        return {
            "tid": (tid, f"T1.{tid}"),
            "tsn": (plan["tsn"], plan["code"]),
            "psn": (plan["tsn"] + (psn := shopper.psn(plan)), f"{plan['code']}.{psn}"),
            "approval": (ahead_of["number"], ahead_of["code"]),
            "offline": (code, code),
        }

    def test_6_07_differ_in_length_or_first_character(self, numbers):
        typed = {name: (len(text), text[0]) for name, (text, _code) in numbers.items()}
        assert len(set(typed.values())) == len(numbers)
        lengths = {"tid": 23, "tsn": 16, "psn": 26, "approval": 12, "offline": 6}
        assert {name: shape[0] for name, shape in typed.items()} == lengths
        prefixes = {code.partition(".")[0] for _text, code in numbers.values()}
        assert {"T1", "S1", "A1"} < prefixes

    def test_6_07_the_till_takes_each_where_it_is_due_and_nowhere_else(
        self, numbers, terminal, atm
    ):
        taken = {
            place: {
                (name, form)
                for name, forms in numbers.items()
                for form, text in zip(("typed", "scanned"), forms, strict=True)
                if is_read(present_at, text)
            }
            for place, present_at in {
                "checkout": lambda text: end(terminal, present(terminal, text, PRICE), "abandon"),
                "atm": lambda text: atm.takes({"number": text, "kind": "CASH"}, pickup_code="0000"),
            }.items()
        }
        assert {name for name, _form in taken["checkout"]} == {"tsn", "psn"}
        assert taken["atm"] == {("approval", "typed"), ("approval", "scanned")}

    def test_6_07_the_desk_finds_the_payment_of_one_that_may_be_shown(self, numbers, desks):
        for name in ("tid", "offline"):
            for text in numbers[name]:
                found = desks("settlement clerk").page(f"/search?q={text}")
                assert "/payments/PAY-" in found.text or "/payments/PAY-" in str(found.url)


def is_read(present_at, text) -> bool:
    """Return whether the portal took a text for the number that is due there."""
    try:
        present_at(text)
    except PortalRefused as refused:
        return refused.code != "number_malformed"
    return True


@pytest.fixture
def sold(street, market, terminal, atm, phones, purse, saver, handset, token, new_counter) -> None:
    """Sell by each of the five ways, and give a part of one back."""
    counter = new_counter(market)
    assert tap(handset, token, counter, PRICE).state == "approved"
    counter.upload()
    assert pay(phones[0], terminal, purse["card"], PRICE + 1)
    relay = checkout.enrolled_relay(street, market)
    checkout.pair(street, relay=relay, stand=terminal)
    made = terminal.bill(PRICE + 2, relay=relay)
    claimed = phones[0].purchases.claim_bill(ReadBill(data=made.data, bill=made.bill))
    bought = checkout.approve(phones[0], claimed, b64.decode(purse["card"]))
    assert bought.step is Step.PAID
    shopper = Shopper(street=street, shop=market, phone=phones[0], card=purse["card"])
    coupon = shopper.gets("COUPON_FIXED", amount=700)
    paid = present(terminal, shopper.code(shopper.plans_to_pay(coupon)), PRICE + 3)
    assert paid["state"] == "PAID"
    atm.reports(atm.takes(saver.approves(PRICE + 4)))
    terminal.session.post(
        f"/terminal/payments/{made.tid}/refunds", body={"amount": 500, "reason": "One loaf"}
    )


@pytest.mark.usefixtures("sold")
def test_6_08_the_days_five_channels_are_the_ledger_and_the_payout(street, market, desks):
    clerk = desks("settlement clerk")
    listed = clerk.page(f"/merchant/days?merchant={market.merchant}").text
    day = listed.partition(f"/merchant/{market.merchant}/days/")[2][:10]
    closed = street.portal.manage("close_day", "--merchant", market.merchant, "--date", day)
    assert (closed["state"], closed["differences"]) == ("CLOSED", [])
    address = f"/merchant/{market.merchant}/days/{day}"
    assert "Payments, ledger and payout agree." in clerk.page(address).text
    text = clerk.page(f"{address}?as=csv").text.removeprefix("\ufeff")
    lines = list(csv.DictReader(text.splitlines()))
    assert sorted({line["Paid with"] for line in lines}) == CHANNELS
    assert {line["Cause"] for line in lines} == {""}
    amounts = sum(int(line["Amount"]) for line in lines)
    assert amounts == sum(int(line["In the ledger"]) for line in lines)
    (payout,) = {line["Payout"] for line in lines}
    assert payout.startswith("PYT-")
    assert amounts == sum(each["amount"] for each in market.payments() if counts(each)) - 500


def counts(payment: dict[str, Any]) -> bool:
    return payment["state"] in {"APPROVED", "REFUNDED_PARTLY"}
