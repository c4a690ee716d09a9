"""Benefits on the phone: one code for the till, with and without the PIN, and the till's asking."""

import pytest
import segno
from playwright.sync_api import expect

from config.wire.client import PortalRefused
from tests.browser.phone import shopper as shoppers
from tests.browser.phone.handset import Handset
from tests.browser.phone.shopper import present
from tests.browser.test_every_page import look

pytestmark = pytest.mark.browser


@pytest.fixture
def shopper(portal, new_phone, till) -> Handset:
    return shoppers.shopper(portal, new_phone(), merchant=till.merchant)


MODULES = """async ([text, mask]) => {
  const { modules } = await import('/static/js/phone/qr.js');
  return modules(text, mask).map((row) => row.map(Number));
}"""


@pytest.mark.parametrize("text", ["S1.9000000000000009", "S1.9000000000000009.0123456789"])
def test_the_drawn_code_is_the_standards(new_phone, text):
    page = new_phone().go()
    for mask in range(8):
        drawn = segno.make(text, error="m", mask=mask, micro=False, boost_error=False)
        assert page.evaluate(MODULES, [text, mask]) == [list(row) for row in drawn.matrix]


def confirm(till, checkout):
    path = f"/terminal/checkouts/{checkout['checkout']}/confirm"
    return till.session.post(path, body={"tender": "CASH"}).json()


def test_2_01_one_code_brings_everything_and_pays(shopper, till):
    shopper.make_code(by_card=True)
    shopper.make_it_pay()
    paid = present(till.session, shopper.digits(), 10_000)

    assert (paid["state"], paid["remainder"]) == ("PAID", 6_500)
    shopper.shows("PAID", "₩10,000", "−₩1,000", "−₩500", "−₩2,000", "The card paid", "₩6,500")
    shopper.page.get_by_role("link", name="See the receipt").click()
    shopper.shows(paid["approval_code"], "Gift card", "₩6,500")


def test_2_02_a_balance_is_offered_with_all_there_is_and_less_may_be_used(shopper, till):
    shopper.page.get_by_role("link", name="Benefits", exact=True).click()
    gift = shopper.page.get_by_label("At most of GIFT_CARD")
    expect(gift).to_have_value("2000")
    gift.fill("700")
    shopper.press("Make the code")
    shopper.shows("up to ₩700")

    quoted = present(till.session, shopper.digits(), 10_000)

    assert quoted["remainder"] == 10_000 - 1_000 - 500 - 700


def test_2_04_benefits_alone_are_finished_by_the_cashier(shopper, till):
    shopper.make_code()
    shopper.shows("Benefits alone")
    quoted = present(till.session, f"S1.{shopper.digits()}", 10_000)
    assert quoted["state"] == "QUOTED"

    assert confirm(till, quoted)["state"] == "PAID"

    shopper.shows("Benefits used", "Benefits paid", "₩3,500")
    shopper.page.get_by_role("link", name="Benefits", exact=True).click()
    expect(shopper.heading("Benefits")).to_be_visible()
    # What was paid beside them may have earned points by now.
    expect(shopper.page.get_by_label("At most of GIFT_CARD")).to_have_count(0)


def test_the_best_for_an_amount_is_told(phone):
    phone.make_code(amount="2,200")
    phone.shows("Best for ₩2,200", "it saves ₩2,200")


def test_above_the_limit_the_phone_is_asked(phone, till):
    phone.refusals.add(422)
    phone.make_code(by_card=True, limit="5,000")
    phone.make_it_pay()
    asked = present(till.session, phone.digits(), 10_000)
    assert asked["state"] == "CONSENT_REQUIRED"
    phone.shows("The till asks", "Mapo Bakery", f"₩{asked['remainder']:,}")
    phone.type_pin("000000")
    phone.shows("Wrong PIN")

    phone.type_pin()

    phone.shows("PAID", "The card paid")
    told = till.session.get(f"/terminal/checkouts/{asked['checkout']}").json()
    assert told["state"] == "PAID"


def test_a_reload_keeps_the_code_and_asks_for_the_pin_again(phone, till):
    phone.make_code(by_card=True)
    phone.make_it_pay()
    first = phone.digits()
    phone.go("code")
    phone.shows("Benefits alone")
    assert phone.digits() == first[:16]
    phone.make_it_pay()
    assert phone.digits() != first
    assert present(till.session, phone.digits(), 4_000)["state"] == "PAID"


def test_a_wrong_pin_burns_the_code_at_the_till(phone, till):
    phone.make_code(by_card=True)
    phone.make_it_pay(pin="000000")

    with pytest.raises(PortalRefused) as refused:
        present(till.session, phone.digits(), 4_000)

    assert refused.value.code == "psn_invalid"


def test_a_bill_is_paid_with_benefits(shopper, till):
    tid = till.sale(10_000)
    shopper.type_number(tid)
    shopper.press("Use my benefits")
    shopper.shows("The card pays at most", "₩6,500")
    shopper.type_pin()
    shopper.shows("PAID", "₩10,000", "−₩2,000", "The card paid", "₩6,500")
    assert till.look(tid)["state"] == "APPROVED"


def test_benefits_that_went_elsewhere_meanwhile_pay_nothing_unasked(phone, till):
    phone.refusals.add(422)
    tid = till.sale(10_000)
    phone.type_number(tid)
    phone.press("Use my benefits")
    phone.shows("The card pays at most")
    spend_at_a_till(phone, till)
    phone.type_pin()
    phone.shows("Use your benefits anew, or pay without them")
    assert till.look(tid)["state"] == "CLAIMED"
    phone.type_pin()
    phone.shows("PAID")


def spend_at_a_till(phone: Handset, till) -> None:
    """Spend all benefits by another plan of the same phone, behind the page's back."""
    tsn = phone.page.evaluate(
        """async () => {
          const { benefits } = await import('/static/js/phone/plans.js');
          const { post } = await import('/static/js/phone/wallet.js');
          const selections = (await benefits()).map(({ benefit }) => ({ benefit }));
          return (await post('/wallet/plans', { selections })).tsn;
        }"""
    )
    confirm(till, present(till.session, tsn, 10_000))


def test_its_screens(phone, till, axe_source):
    def faults():
        return "\n".join(look(phone.page, axe_source, noted=set(), name="demo-phone"))

    phone.go("benefits")
    phone.shows("Use what of it counts")
    assert not faults()
    phone.go("home")
    phone.make_code(by_card=True, limit="5,000", amount="10,000")
    assert not faults()
    phone.make_it_pay()
    assert not faults()
    present(till.session, phone.digits(), 10_000)
    phone.shows("The till asks")
    assert not faults()
    phone.type_pin()
    phone.shows("PAID")
    assert not faults()
