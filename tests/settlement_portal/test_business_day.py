"""A shop's day over its channels: payments, ledger and payout agree, or the page says why not."""

import csv
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection

from config.roles import Role
from merchants.services import relays
from settlement.models import Payment, Payout, PayoutLine
from settlement.services import closing, payments, payouts
from tests.factories import benefits as held
from tests.factories import checkouts as counters
from tests.factories import preapprovals as ahead
from tests.factories.merchants import SYSTEM, enrolled
from tests.factories.requests import terminal
from tests.settlement_portal.world import payer_of
from wallets.models import Phone

CHANNELS = ["OFFLINE", "PREAPPROVAL", "RELAY", "SMART", "TID"]


@pytest.fixture
def day(world):
    """Return a business day with a sale over each channel, a refund, a reversal and a void."""
    store = world.merchant.stores.get()
    asking, shopper = terminal(store=store), payer_of(world)
    world.sell(7_000, 500)
    world.post(world.shop, world.card.void(world.shop, 500, world.card.atc))
    sold = asking.asks(9_000, at=world.now)
    shopper.pays(sold, at=world.now)
    give(sold, 2_000, at=world.now)
    undone = asking.asks(1_100, at=world.now)
    shopper.pays(undone, at=world.now)
    payments.cancel(device=asking.device, tid=undone.tid, at=world.now)
    by_relay(world, store, asking, shopper)
    by_number(world, store, shopper)
    beforehand(world, store, shopper)
    return Payment.objects.first().business_date


def give(request, minor, *, at):
    return payments.refund(
        reference=request.reference, amount_minor=minor, reason="", actor=SYSTEM, at=at
    )


def by_relay(world, store, asking, shopper):
    relay, _key = enrolled(kind="RELAY", store=store)
    relays.pair(relay=relay, terminal=asking.device, actor=SYSTEM, at=world.now)
    expires = world.now + timedelta(minutes=4)
    request, bill = asking.asks_by_relay(3_000, relay=relay, expires=expires, at=world.now)
    shopper.pays(request, at=world.now, bill=bill)


def by_number(world, store, shopper):
    coupon = held.held(Phone.objects.get(device=shopper.phone).customer)
    plan = held.plan_of(
        shopper.phone,
        coupon,
        card=shopper.held.card.reference,
        max_amount_minor=50_000,
        at=world.now,
    )
    code = counters.with_psn(shopper, plan)
    counters.till(store=store).presents(code, 12_000, at=world.now)


def beforehand(world, store, shopper):
    ahead.policy(shopper)
    atm = ahead.atm(store=store)
    approved = ahead.approved(shopper, 10_000, at=world.now)
    atm.reports(atm.takes(approved, at=world.now), at=world.now)


def close(world, day):
    return closing.close_day(merchant=world.merchant, day=day, actor=SYSTEM, at=world.now)


def address(world, day):
    return f"/merchant/{world.merchant.reference}/days/{day}"


def page(browser, world, day):
    answer = browser.get(address(world, day))
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def file(browser, world, day):
    answer = browser.get(address(world, day), {"as": "csv"})
    text = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")
    return list(csv.DictReader(text.splitlines()))


def test_6_08_every_channel_is_the_ledger_and_the_payout(world, day, owner):
    assert close(world, day).differences == []
    html, lines = page(owner, world, day), file(owner, world, day)
    assert "Payments, ledger and payout agree." in html
    assert sorted({line["Paid with"] for line in lines}) == CHANNELS
    assert {line["Cause"] for line in lines} == {""}
    net = sum(int(line["Amount"]) for line in lines)
    payout = Payout.objects.get(merchant=world.merchant)
    assert net == payout.sales_minor - payout.reversals_minor == 39_000
    assert net == sum(int(line["In the ledger"]) for line in lines)
    assert {line["Payout"] for line in lines} == {payout.reference}


def plant(sql):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("settlement_transfer", "settlement_payoutline", "settlement_payout"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql)


PLANTED = {
    "ledger": "DELETE FROM settlement_transfer WHERE code = 'REFUND'",
    "not_in_payout": "DELETE FROM settlement_payoutline WHERE refund_id IS NOT NULL",
    "payout_sum": "UPDATE settlement_payout SET sales_minor = sales_minor + 1,"
    " net_minor = net_minor + 1",
}
SAID = {
    "ledger": "The ledger moved another amount for it",
    "not_in_payout": "Stands in no payout, though it was there",
    "payout_sum": "The payout's figures are not the sum of its lines",
}


@pytest.mark.parametrize("cause", PLANTED)
def test_6_08_a_planted_difference_is_listed_with_its_cause(world, day, owner, cause):
    close(world, day)
    plant(PLANTED[cause])
    html = page(owner, world, day)
    assert "Payments, ledger and payout agree." not in html
    assert SAID[cause] in html
    found = [each.cause for each in close(world, day).differences]
    assert cause in found


def test_6_08_what_comes_after_the_payout_is_told_apart(world, day, owner):
    close(world, day)
    world.now += timedelta(minutes=1)
    late = world.sell(800)
    assert late[0].business_date == day
    assert {line["Cause"] for line in file(owner, world, day)} == {"", "no_payout_yet"}
    assert "Its payout is not drawn up yet" in page(owner, world, day)
    payouts.draw_up_due(at=world.now + timedelta(days=2))
    assert {line["Cause"] for line in file(owner, world, day)} == {"", "later_payout"}
    assert "Came after the day's payout" in page(owner, world, day)
    assert "Payments, ledger and payout agree." in page(owner, world, day)
    assert PayoutLine.objects.filter(payment=late[0]).count() == 1


def test_the_days_lead_to_it_for_who_sees_payouts(world, day, owner, cashier):
    link = f'href="{address(world, day)}"'
    assert link in owner.get("/merchant/days").content.decode()
    assert link not in cashier.get("/merchant/days").content.decode()


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.MERCHANT_CASHIER, 403), (Role.ISSUER_RISK, 403), (Role.SETTLEMENT_CLERK, 200)],
)
def test_who_may_see_it(world, day, staff, role, status):
    assert staff(role).get(address(world, day)).status_code == status


def test_another_shops_day_looks_absent(world, day, stranger, owner):
    assert stranger.get(address(world, day)).status_code == 404
    assert owner.get(address(world, "never")).status_code == 404


def test_it_takes_few_queries(world, day, owner, django_assert_max_num_queries):
    close(world, day)
    with django_assert_max_num_queries(16):
        page(owner, world, day)
