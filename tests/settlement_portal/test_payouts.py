"""The pages of payouts: a shop sees its own, the clearing desk all; the file adds up."""

import csv
from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse

from config.roles import Role
from merchants.models import Store
from settlement.models import Payout
from settlement.services import payouts
from tests.factories.config import MembershipFactory, member, signed_in
from tests.factories.merchants import AgreementFactory


@pytest.fixture
def drawn(world):
    """Payouts of two shops for yesterday and the day before."""
    for shop in (world.shop, world.other_shop):
        AgreementFactory(
            merchant=shop.merchant, online_fee_minor=100, offline_fee_minor=20, fee_bps=80
        )
    world.sell(10_000, 2500)
    world.sell(700)
    world.post(world.shop, world.card.void(world.shop, 700, world.card.atc))
    world.sell(4000, shop=world.other_shop)
    return payouts.draw_up_due(at=world.now + timedelta(days=2))


@pytest.fixture
def mine(world, drawn):
    return next(each for each in drawn if each.merchant == world.merchant)


@pytest.fixture
def theirs(world, drawn):
    return next(each for each in drawn if each.merchant != world.merchant)


def text(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_a_shop_sees_its_own(mine, theirs, owner):
    html = text(owner.get("/merchant/payouts"))

    assert mine.reference in html
    assert theirs.reference not in html
    # 100 and 40 of the sales that stay; what was taken back costs nothing.
    assert (mine.sales_minor, mine.reversals_minor, mine.fees_minor) == (13_200, 700, 140)
    assert "12,360 <small>KRW</small>" in html


def test_the_desk_sees_all_or_one_shop(world, mine, theirs, clerk):
    both = text(clerk.get("/merchant/payouts"))
    one = text(clerk.get("/merchant/payouts", {"merchant": world.merchant.reference}))

    assert mine.reference in both
    assert theirs.reference in both
    assert theirs.reference not in one


def test_another_shops_payout_is_not_there(world, mine, stranger):
    assert mine.reference not in text(stranger.get("/merchant/payouts"))
    assert stranger.get(reverse("payout", args=[mine.reference])).status_code == 404
    assert stranger.get(reverse("payout-lines", args=[mine.reference])).status_code == 404
    foreign = {"merchant": world.merchant.reference}
    assert stranger.get("/merchant/payouts", foreign).status_code == 404


def test_who_owns_one_shop_and_serves_at_another_sees_the_first_alone(world, mine, theirs):
    person = member(Role.MERCHANT_OWNER, theirs.merchant.reference)
    MembershipFactory(user=person, role=Role.MERCHANT_CASHIER, tenant=world.merchant.reference)
    browser = signed_in(person)

    foreign = {"merchant": world.merchant.reference}
    assert browser.get("/merchant/payouts", foreign).status_code == 404
    assert browser.get(reverse("payout", args=[mine.reference])).status_code == 404


def test_a_day_is_picked(mine, owner):
    other = mine.business_date - timedelta(days=3)

    assert mine.reference in text(owner.get("/merchant/payouts", {"day": mine.business_date}))
    assert "No payout of that day" in text(owner.get("/merchant/payouts", {"day": other}))
    assert mine.reference in text(owner.get("/merchant/payouts", {"day": "never"}))


def test_one_payout_by_channel(mine, owner):
    page = owner.get(reverse("payout", args=[mine.reference]))

    ((channel, name),) = page.context["channels"]
    assert (str(name), channel.late) == ("Offline", False)
    assert (channel.sales, channel.reversals, channel.net_minor) == (3, 1, mine.net_minor)
    assert "Complete" in text(page)


def test_an_incomplete_one_says_what_was_missing(world, mine, owner):
    incomplete = [{"reader": "RDR-1", "name": "Counter", "missing": [2, 4], "waiting": 3}]
    copy = Payout.objects.get(pk=mine.pk)
    copy.pk, copy.reference, copy.posting = None, "PYT-2", None
    copy.business_date -= timedelta(days=9)
    copy.state, copy.closed_at, copy.incomplete = "DRAFT", None, incomplete
    copy.save(force_insert=True)

    html = text(owner.get(reverse("payout", args=["PYT-2"])))

    assert "Not complete" in html
    assert "numbers 2 to 4 had not come, batches not posted: 3" in html


def test_the_file_adds_up_and_runs_no_formula(world, mine, owner):
    Store.objects.filter(merchant=world.merchant).update(name='=HYPERLINK("http://x")')

    answer = owner.get(reverse("payout-lines", args=[mine.reference]))

    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))
    assert f"{mine.reference}-{mine.business_date}.csv" in answer["Content-Disposition"]
    assert sum(int(row["Net"]) for row in rows) == mine.net_minor
    assert sum(int(row["Fee"]) for row in rows) == -mine.fees_minor
    assert [row["Amount"] for row in rows] == ["10000", "2500", "700", "-700"]
    assert {row["Store"] for row in rows} == {'\'=HYPERLINK("http://x")'}


@pytest.mark.parametrize("count", [1, 40])
def test_the_pages_take_few_queries(world, owner, django_assert_max_num_queries, count):
    world.sell(*[1000 + n for n in range(count)])
    (payout,) = payouts.draw_up_due(at=world.now + timedelta(days=2))

    for path in (
        "/merchant/payouts",
        reverse("payout", args=[payout.reference]),
        reverse("payout-lines", args=[payout.reference]),
    ):
        with django_assert_max_num_queries(12):
            answer = owner.get(path)
            b"".join(answer.streaming_content if answer.streaming else [answer.content])
        assert answer.status_code == 200
