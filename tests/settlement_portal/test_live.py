"""The live list: the page, the rows after a number, the figures, whose they are."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from config import events
from config.roles import Role
from tests.factories.config import MembershipFactory, member, signed_in

LIVE, ROWS = "/merchant/payments", "/merchant/payments/rows"


def row_in(html, reference):
    """Return the row of a payment as it stands in ``html``."""
    found = re.search(rf'<tr role="row" id="{reference}".*?</tr>', html, re.DOTALL)
    return found and found.group()


def refs_in(html):
    return re.findall(r'<tr role="row" id="(PAY-\w+)"', html)


def test_a_cashier_sees_the_sales_of_the_shop_newest_first(world, cashier):
    made = world.sell(1000, 2500)

    answer = cashier.get(LIVE)

    html = answer.content.decode()
    assert refs_in(html) == [payment.reference for payment in reversed(made)]
    assert "2,500 <small>KRW</small>" in html
    assert f"•••• {world.card.card.last4}" in html
    assert "Paid" in row_in(html, made[0].reference)


def test_the_page_names_socket_rows_and_number(world, cashier, settings):
    world.sell(1000)

    html = cashier.get(LIVE).content.decode()

    ref = world.merchant.reference
    socket = f"{settings.SOCKETS_ORIGIN}/ws/v1/merchant/payments?merchant={ref}"
    assert f'data-live-socket="{socket}"' in html
    assert f'data-live-after="{events.head(scope=ref)}"' in html
    assert f'data-live-events="{ROWS}?merchant={ref}"' in html


def test_the_rows_are_drawn_as_the_page_draws_them(world, cashier):
    made = world.sell(1000, 2500)

    page = cashier.get(LIVE).content.decode()
    told = cashier.get(ROWS, {"after": 0}).json()

    assert told["ids"] == [payment.reference for payment in reversed(made)]
    for payment in made:
        assert row_in(told["html"], payment.reference) == row_in(page, payment.reference)


def test_the_rows_after_a_number_are_what_came_since(world, cashier):
    world.sell(1000)
    head = events.head(scope=world.merchant.reference)
    (later,) = world.sell(4800)

    told = cashier.get(ROWS, {"after": head}).json()

    assert told["ids"] == [later.reference]
    assert told["count"] == 1
    assert told["seq"] == told["head"] == events.head(scope=world.merchant.reference)
    assert cashier.get(ROWS, {"after": told["seq"]}).json()["html"].strip() == ""


def test_many_events_come_in_parts_and_none_is_lost(world, cashier, monkeypatch):
    monkeypatch.setattr("settlement.portal.live.EVENTS_AT_ONCE", 3)
    made = world.sell(*range(1000, 1007))

    seq, found = 0, []
    while True:
        told = cashier.get(ROWS, {"after": seq}).json()
        found += told["ids"]
        if told["seq"] == seq:
            break
        seq = told["seq"]
        assert told["head"] >= told["seq"]

    assert sorted(found) == sorted(payment.reference for payment in made)


def test_a_reversal_redraws_its_row_once(world, cashier):
    sale = world.card.sale(world.shop, 3000)
    (payment,) = world.post(world.shop, sale)
    head = events.head(scope=world.merchant.reference)
    world.post(world.shop, world.card.void(world.shop, 3000, world.card.atc))

    told = cashier.get(ROWS, {"after": head}).json()

    assert told["ids"] == [payment.reference]
    assert "Reversed" in row_in(told["html"], payment.reference)


def test_what_a_view_does_not_take_is_only_redrawn(world, cashier):
    (payment,) = world.sell(3000)

    told = cashier.get(ROWS, {"after": 0, "view": "reversed"}).json()

    assert (told["count"], told["ids"]) == (0, [])
    assert "data-elsewhere" in row_in(told["html"], payment.reference)


@pytest.mark.parametrize("after", ["", "-1", "x", "1e3", "9" * 40])
def test_a_number_that_is_none_is_refused(world, cashier, after):
    assert cashier.get(ROWS, {"after": after}).status_code == 400


def test_views_and_filters_live_in_the_address(world, cashier):
    (small,) = world.sell(1000)
    (large,) = world.sell(48_000)
    earlier = world.now - timedelta(hours=1)
    world.post(world.shop, world.card.void(world.shop, 48_000, world.card.atc, at=earlier))
    day = small.business_date.isoformat()

    def shown(**query):
        return set(refs_in(cashier.get(LIVE, query).content.decode()))

    both, one, other = {small.reference, large.reference}, {small.reference}, {large.reference}
    assert shown() == both
    assert shown(view="reversed") == other
    assert shown(view="borne") == set()
    assert shown(day=day) == both
    assert shown(day="2020-01-01") == set()
    assert shown(q="48,000") == other
    assert shown(q=small.reference.lower()) == one
    assert shown(q=small.approval_code) == both  # each batch counts its codes anew here
    assert shown(q=world.card.card.last4) == both
    assert shown(q="nothing like it") == set()
    assert shown(device=world.shop.device.reference) == both
    assert shown(device="RDR-0000000000") == set()
    assert shown(view="no such view", day="yesterday") == both


def test_a_page_further_down_never_inserts(world, cashier, monkeypatch):
    monkeypatch.setattr("config.paging.newest_first.__kwdefaults__", {"size": 2})
    made = world.sell(1000, 2000, 3000)

    first = cashier.get(LIVE).content.decode()
    second = cashier.get(LIVE, {"after": made[1].pk}).content.decode()

    assert "data-live-more" in first
    assert "data-live-hold" not in first
    assert refs_in(second) == [made[0].reference]
    assert "data-live-hold" in second


def test_an_empty_list_says_what_it_waits_for(world, cashier):
    html = cashier.get(LIVE).content.decode()

    assert "Waiting for the first sale" in html
    assert re.search(r'<div class="table-box"[^>]*\bhidden', html)


def test_the_figures_are_the_day(world, cashier):
    world.sell(1000, 2500)
    sale = world.card.sale(world.shop, 700)
    world.post(world.shop, sale)
    world.post(world.shop, world.card.void(world.shop, 700, world.card.atc))

    html = cashier.get("/merchant/payments/figures").content.decode()

    assert "3,500 <small>KRW</small>" in html
    assert "Sales: 3, reversed: 1" in html


def test_of_another_shop_nothing_is_shown(world, cashier, stranger, auditor):
    world.sell(1000)
    ref = world.merchant.reference

    assert refs_in(stranger.get(LIVE).content.decode()) == []
    for path in (LIVE, ROWS, "/merchant/payments/figures", "/merchant/days"):
        assert stranger.get(path, {"merchant": ref, "after": 0}).status_code == 404
        assert auditor.get(path, {"merchant": ref, "after": 0}).status_code == 404
        assert auditor.get(path, {"after": 0}).status_code == 403


def test_the_platform_chooses_a_shop(world, clerk):
    world.sell(1000)
    world.sell(2000, shop=world.other_shop)

    answer = clerk.get(LIVE)
    assert answer.status_code == 302
    shops = clerk.get(answer.url).content.decode()
    for merchant in (world.merchant, world.other_shop.merchant):
        assert f"{LIVE}?merchant={merchant.reference}" in shops
    chosen = clerk.get(LIVE, {"merchant": world.merchant.reference}).content.decode()
    assert len(refs_in(chosen)) == 1
    assert "Another shop" in chosen


def test_who_works_for_two_shops_sees_each(world):
    world.sell(1000)
    person = member(Role.MERCHANT_CASHIER, world.merchant.reference)
    second = world.other_shop.merchant.reference
    MembershipFactory(user=person, role=Role.MERCHANT_MANAGER, tenant=second)
    browser = signed_in(person)

    assert len(refs_in(browser.get(LIVE).content.decode())) == 1
    other = browser.get(LIVE, {"merchant": second})
    assert other.status_code == 200
    assert refs_in(other.content.decode()) == []
    assert "Another shop" in other.content.decode()


def test_a_list_takes_few_queries_however_long(world, owner, django_assert_max_num_queries):
    world.sell(*range(1000, 1060))
    with django_assert_max_num_queries(12):
        assert owner.get(reverse("payment-live")).status_code == 200
    with django_assert_max_num_queries(12):
        assert owner.get(ROWS, {"after": 0}).status_code == 200
