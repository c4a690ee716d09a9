"""Mission §2 at the till, over HTTP: one number, quote, payment, and what comes back."""

import csv
import time
from contextlib import closing
from datetime import datetime
from io import StringIO

import pytest

from config.wire.client import PortalRefused
from tests.journeys import checkout
from tests.journeys.books import Books
from tests.journeys.meeting import at_once
from tests.journeys.smart import Shopper, end, present
from tests.journeys.waiting import eventually


@pytest.fixture(scope="module")
def shopper(street, stall, phones, purse) -> Shopper:
    return Shopper(street=street, shop=stall, phone=phones[0], card=purse["card"])


@pytest.fixture(scope="module")
def books(portal):
    with closing(Books(portal)) as books:
        yield books


def refusal(act, *args, **more):
    with pytest.raises(PortalRefused) as refused:
        act(*args, **more)
    return refused.value.status, refused.value.code


def test_2_01_one_code_applies_coupon_points_and_gift_card_and_pays(shopper, stand):
    chosen = [
        shopper.gets("COUPON_FIXED", amount=1_000),
        shopper.gets("POINTS", amount=500),
        shopper.gets("GIFT_CARD", amount=2_000),
    ]
    paid = present(stand, shopper.code(shopper.plans_to_pay(*chosen)), 10_000)
    assert (paid["state"], paid["remainder"]) == ("PAID", 6_500)
    assert [line["benefit"] for line in paid["lines"]] == chosen
    assert sum(line["amount"] for line in paid["lines"]) == 10_000 - paid["remainder"]


def test_2_02_a_new_selection_shows_the_most(shopper):
    gift = shopper.gets("GIFT_CARD", amount=7_300)
    plan = shopper.plans(gift)
    assert [each["amount"] for each in plan["selections"]] == [7_300]


def test_2_03_typed_or_scanned_with_or_without_a_payment_number(shopper, stand):
    for with_psn in (False, True):
        for scanned in (False, True):
            plan = shopper.plans_to_pay()
            parts = [plan["tsn"], shopper.psn(plan)] if with_psn else [plan["tsn"]]
            code = ".".join(["S1", *parts]) if scanned else "".join(parts)
            told = present(stand, code, 1_000)
            assert told["state"] == ("PAID" if with_psn else "QUOTED")


@pytest.mark.parametrize("tender", ["CASH", "CARD"])
def test_2_04_a_number_alone_is_finished_by_the_cashier(shopper, stand, tender):
    plan = shopper.plans(shopper.gets("COUPON_PERCENT", percent_bps=1_000))
    quoted = present(stand, plan["code"], 9_999)
    assert (quoted["state"], quoted["remainder"]) == ("QUOTED", 9_000)
    paid = end(stand, quoted, "confirm", tender=tender)
    assert (paid["state"], paid["tender"]) == ("PAID", tender)


def test_2_05_no_number_serves_twice_and_a_payment_number_not_after_a_decline(shopper, stand):
    used = shopper.plans_to_pay()
    code = shopper.code(used)
    assert present(stand, code, 1_000)["state"] == "PAID"
    assert refusal(present, stand, code, 1_000) == (409, "tsn_used")
    plan = shopper.plans_to_pay(max_amount=10**12)
    code = shopper.code(plan)
    assert present(stand, code, 10**11)["state"] == "DECLINED"
    assert refusal(present, stand, code, 1_000) == (409, "psn_used")
    assert present(stand, plan["code"], 1_000)["state"] == "QUOTED"


def test_2_05_a_wrong_payment_number_burns_its_plan(shopper, stand):
    plan = shopper.plans_to_pay()
    assert refusal(present, stand, shopper.code(plan, pin="9999"), 1_000) == (422, "psn_invalid")
    assert refusal(present, stand, plan["code"], 1_000) == (422, "tsn_cancelled")


@pytest.mark.parametrize(
    ("column", "refused"), [("expires_at", "tsn_expired"), ("psn_expires_at", "psn_expired")]
)
def test_2_06_each_number_is_good_to_its_very_second(shopper, stand, books, column, refused):
    for is_over in (False, True):
        plan = shopper.plans_to_pay()
        moment = books.let_plan_end(plan=plan["plan"], column=column, in_s=3)
        time.sleep(max(0, moment.timestamp() - time.time() - (0 if is_over else 1.5)))
        code = shopper.code(plan)
        if is_over:
            assert refusal(present, stand, code, 1_000) == (422, refused)
        else:
            assert present(stand, code, 1_000)["state"] == "PAID"


def test_2_06_the_phone_is_told_when_each_ends(shopper):
    told_at = time.time()
    plan = shopper.plans_to_pay()
    lives = [
        datetime.fromisoformat(plan[name]).timestamp() - told_at
        for name in ("expires_at", "psn_expires_at")
    ]
    assert lives == [pytest.approx(600, abs=15), pytest.approx(180, abs=15)]


def test_2_06_past_the_payment_number_the_other_one_still_serves(shopper, stand, books):
    plan = shopper.plans_to_pay(shopper.gets("COUPON_FIXED", amount=300))
    books.let_plan_end(plan=plan["plan"], column="psn_expires_at", in_s=0)
    assert refusal(present, stand, shopper.code(plan), 1_000) == (422, "psn_expired")
    quoted = present(stand, plan["code"], 1_000)
    assert (quoted["state"], quoted["remainder"]) == ("QUOTED", 700)
    end(stand, quoted, "abandon")


def test_2_07_of_one_stack_group_one_applies_and_the_other_says_why(shopper, stand):
    low, high = (
        shopper.gets("COUPON_FIXED", amount=amount, stack_group="weekend") for amount in (500, 900)
    )
    quoted = present(stand, shopper.plans(low, high)["code"], 5_000)
    assert len(quoted["lines"]) == 1
    (left,) = quoted["skipped"]
    assert {quoted["lines"][0]["benefit"], left["benefit"]} == {low, high}
    assert left["why"] == "stack_group"
    end(stand, quoted, "abandon")


def test_2_08_two_tills_at_once_never_overspend_a_gift_card(street, stall, phones, purse, stand):
    both = [Shopper(street=street, shop=stall, phone=phone, card=purse["card"]) for phone in phones]
    gift = both[0].gets("GIFT_CARD", amount=3_000)
    codes = [shopper.code(shopper.plans_to_pay((gift, 2_000))) for shopper in both]
    told = at_once(lambda code: present(stand, code, 2_000), codes)
    assert [each["state"] for each in told] == ["PAID", "PAID"]
    assert sorted(each["remainder"] for each in told) == [0, 1_000]
    assert gift not in both[0].holds()


def test_2_09_a_decline_leaves_every_benefit_as_before(shopper, stand):
    chosen = [shopper.gets("COUPON_FIXED", amount=1_000), shopper.gets("GIFT_CARD", amount=500)]
    before = shopper.holds()
    code = shopper.code(shopper.plans_to_pay(*chosen, max_amount=10**12))
    declined = present(stand, code, 10**11)
    assert declined["state"] == "DECLINED"
    assert shopper.holds() == before


def test_2_10_a_refund_gives_back_in_proportion_and_the_whole_gives_the_coupon(shopper, stand):
    coupon = shopper.gets("COUPON_FIXED", amount=1_000)
    gift = shopper.gets("GIFT_CARD", amount=2_000)
    paid = present(stand, shopper.code(shopper.plans_to_pay(coupon, gift)), 10_000)
    path = f"/terminal/payments/{paid['checkout']}/refunds"
    half = stand.session.post(path, body={"amount": 5_000, "reason": "half"}).json()
    assert [line["amount"] for line in half["lines"]] == [500, 1_000]
    assert (coupon in shopper.holds(), shopper.holds()[gift]) == (False, 1_000)
    stand.session.post(path, body={"amount": 5_000, "reason": "rest"})
    assert (coupon in shopper.holds(), shopper.holds()[gift]) == (True, 2_000)


def test_2_11_where_benefits_cover_all_no_card_is_asked(shopper, stand):
    plan = shopper.plans_to_pay(shopper.gets("GIFT_CARD", amount=9_000))
    paid = present(stand, shopper.code(plan), 8_000)
    assert (paid["state"], paid["tender"], paid["remainder"]) == ("PAID", "NONE", 0)
    assert "approval_code" not in paid
    assert refusal(present, stand, plan["code"], 8_000) == (409, "tsn_used")


def test_2_12_a_card_discount_needs_the_card_of_its_programme(shopper, street, stand):
    other = street.portal.manage("programmes")["programmes"][0]["programme"]
    discount = shopper.gets("CARD_DISCOUNT", percent_bps=1_000, programme=other)
    without = present(stand, shopper.plans(discount)["code"], 5_000)
    assert [each["why"] for each in without["skipped"]] == ["card_required"]
    end(stand, without, "abandon")
    with_another = present(stand, shopper.code(shopper.plans_to_pay(discount)), 5_000)
    assert [each["why"] for each in with_another["skipped"]] == ["card_mismatch"]


def test_2_13_what_the_statement_of_a_sponsor_says_is_what_the_ledger_has(
    street, phones, purse, desks, books, tmp_path
):
    shop = street.shop("Statement Corner")
    shopper = Shopper(street=street, shop=shop, phone=phones[1], card=purse["card"])
    stand = checkout.stand(street, shop, folder=tmp_path)
    for amount, tender, refunded in ((9_999, "", 3_333), (4_321, "", 0), (7_000, "CASH", 0)):
        chosen = [
            shopper.gets("COUPON_PERCENT", percent_bps=777),
            shopper.gets("POINTS", amount=999, sponsor="Milk of Jeju"),
        ]
        if tender:
            quoted = present(stand, shopper.plans(*chosen)["code"], amount)
            assert end(stand, quoted, "confirm", tender=tender)["state"] == "PAID"
            continue
        paid = present(stand, shopper.code(shopper.plans_to_pay(*chosen)), amount)
        assert paid["state"] == "PAID"
        if refunded:
            path = f"/terminal/payments/{paid['checkout']}/refunds"
            stand.session.post(path, body={"amount": refunded, "reason": "part"})
    clerk = desks("platform admin")
    for sponsor in (shop.merchant, books.brand(name="Milk of Jeju")):
        assert stated(clerk, sponsor) == books.owed_by(sponsor=sponsor) > 0


def stated(clerk, sponsor):
    """Return the sum of the column Owed of a sponsor's statement, a file of today."""
    text = clerk.page(f"/sponsor/{sponsor}/statement.csv").text.lstrip(
        "\N{ZERO WIDTH NO-BREAK SPACE}"
    )
    return sum(int(row["Owed"]) for row in csv.DictReader(StringIO(text)))


def test_2_15_the_result_reaches_the_merchants_screen_and_the_phone(shopper, stall, stand):
    plan = shopper.plans_to_pay(shopper.gets("COUPON_FIXED", amount=700))
    paid = present(stand, shopper.code(plan), 4_000)
    name = paid["checkout"]
    heard = eventually(
        lambda: [one for one in stall.events() if one["payment"]["id"] == name][1:], within_s=10
    )
    assert [one["type"] for one in heard] == ["payment.approved"]
    assert stand.session.get(f"/terminal/checkouts/{name}").json() == paid
    own = shopper.phone.session.get("/wallet/payments").json()["payments"]
    (mine,) = [one for one in own if one["payment"] == name]
    assert (mine["channel"], [line["amount"] for line in mine["lines"]]) == ("SMART", [700])


def test_more_than_the_plan_allows_is_asked_on_the_phone(shopper, stand):
    plan = shopper.plans_to_pay(shopper.gets("COUPON_FIXED", amount=1_000), max_amount=3_000)
    asked = present(stand, shopper.code(plan), 5_000)
    assert asked["state"] == "CONSENT_REQUIRED"
    (waiting,) = shopper.waiting()
    assert (waiting["amount"], waiting["remainder"]) == (5_000, 4_000)
    word = shopper.agrees(plan, waiting)
    assert (word["state"], word["remainder"], len(word["lines"])) == ("APPROVED", 4_000, 1)
    assert stand.session.get(f"/terminal/checkouts/{asked['checkout']}").json()["state"] == "PAID"
    assert shopper.waiting() == []


def test_a_paid_checkout_is_taken_back_whole(shopper, stand):
    coupon = shopper.gets("COUPON_FIXED", amount=1_000)
    paid = present(stand, shopper.code(shopper.plans_to_pay(coupon)), 5_000)
    assert coupon not in shopper.holds()
    assert end(stand, paid, "cancel")["state"] == "REVERSED"
    assert coupon in shopper.holds()
