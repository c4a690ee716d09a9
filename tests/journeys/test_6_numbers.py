"""Mission 6.05 where the issuer is asked elsewhere: a number is held until its payment is final."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journeys.smart import Shopper, end, present
from tests.journeys.test_2_smart import refusal
from tests.journeys.waiting import eventually


@pytest.fixture
def shopper(street, stall, phones, purse) -> Shopper:
    return Shopper(street=street, shop=stall, phone=phones[0], card=purse["card"])


@pytest.fixture
def silent(authority):
    """The issuer's own system, which takes a question and does not answer it."""
    authority.behave(failure="hang")


def is_free(shopper, stand, plan, coupon):
    """Return whether a till can take the number again, with its coupon."""
    quoted = present(stand, plan["code"], 5_000)
    end(stand, quoted, "abandon")
    return [line["benefit"] for line in quoted["lines"]] == [coupon]


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("how", ["CANCELLED", "DECLINED"])
def test_6_05_a_number_is_held_while_its_tid_is_asked_for_and_free_after(shopper, stand, how):
    coupon = shopper.gets("COUPON_FIXED", amount=700)
    plan, tid = shopper.plans_to_pay(coupon), stand.new_tid(5_000)
    stand.ask(tid, 5_000)
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(shopper.pays, tid, plan)
        eventually(lambda: stand.state(tid) == "APPROVING", every_s=0.05)
        assert refusal(present, stand, plan["code"], 5_000) == (409, "tsn_used")
        if how == "CANCELLED":
            stand.session.post(f"/terminal/payments/{tid}/cancel")
        paying.result()
    eventually(lambda: stand.state(tid) == how)
    assert is_free(shopper, stand, plan, coupon)


@pytest.mark.usefixtures("silent")
def test_6_05_so_it_is_at_a_till_that_cancels(shopper, stand):
    coupon = shopper.gets("COUPON_FIXED", amount=700)
    plan = shopper.plans_to_pay(coupon)
    asked = present(stand, shopper.code(plan), 5_000)
    assert asked["state"] == "APPROVING"
    assert refusal(present, stand, plan["code"], 5_000) == (409, "tsn_used")
    assert end(stand, asked, "cancel")["state"] == "ABANDONED"
    assert is_free(shopper, stand, plan, coupon)
