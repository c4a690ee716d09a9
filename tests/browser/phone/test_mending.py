"""What a phone puts right by itself: a wrong clock, lost counters, a claim that lapsed."""

import pytest

pytestmark = pytest.mark.browser

AN_HOUR_AHEAD = "{ const now = Date.now; Date.now = () => now() + 3_600_000; }"
FORGET_COUNTER = """async (used) => {
  const store = await import('/static/js/phone/store.js');
  await store.write('counter', { used, confirmed: 0 });
}"""

RELEASE = """async (tid) => {
  const wallet = await import('/static/js/phone/wallet.js');
  await wallet.post(`/wallet/payments/${tid}/release`);
}"""


def pay(phone, till, amount):
    phone.type_number(till.sale(amount))
    phone.type_pin()
    phone.shows("PAID")


def test_a_wrong_clock_takes_the_portals_time(new_phone, till):
    phone = new_phone()
    phone.refusals.add(401)
    phone.window.context.add_init_script(AN_HOUR_AHEAD)
    phone.set_up()
    phone.take_card()
    pay(phone, till, 1_100)


@pytest.mark.parametrize("believed", [0, 60])
def test_a_lost_counter_is_found_again_without_a_second_pin(phone, till, believed):
    pay(phone, till, 1_100)
    phone.refusals.add(422)
    phone.page.evaluate(FORGET_COUNTER, believed)
    pay(phone, till, 2_200)


def test_a_bill_that_was_given_back_elsewhere_is_claimed_again(phone, till):
    tid = till.sale(3_300)
    phone.type_number(tid)
    phone.shows("₩3,300")
    phone.refusals.add(409)
    phone.page.evaluate(RELEASE, tid)
    phone.type_pin()
    phone.shows("PAID")
    assert till.look(tid)["state"] == "APPROVED"
