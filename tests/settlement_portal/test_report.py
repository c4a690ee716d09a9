"""Mission 1.16: offline share, saved fees and mean approval times, each with its count."""

import csv
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings
from django.urls import reverse

from config.audit import SYSTEM
from config.roles import Role
from merchants.models import Agreement
from merchants.services import api_keys
from settlement.models import Payment
from settlement.rules.fees import Terms, fee_of
from settlement.selectors import report
from settlement.selectors.report import RangeInvalid
from settlement.services import online, payments
from tests.clients import http
from tests.factories import requests
from tests.factories.config import MembershipFactory, member, signed_in
from tests.factories.merchants import AgreementFactory
from tests.factories.settlement import GENEROUS, card_on_phone, programme

# Leaves money that no offline reserve holds.
CAPS = replace(GENEROUS, cumulative_cap_minor=200_000)


@pytest.fixture
def shop(world):
    AgreementFactory(
        merchant=world.merchant, online_fee_minor=100, offline_fee_minor=20, fee_bps=80
    )
    return world.shop


def tap_online(world, shop, amount, *, tapped, took_s):
    """Approve a tap online that the portal hears of at ``world.now``."""
    issued, ticks = world.now - timedelta(days=1), iter([0.0, took_s])
    card = card_on_phone(of=programme(caps=CAPS, at=issued), at=issued)
    answer = online.authorise(
        device=shop.device,
        record=card.sale(shop, amount, at=tapped),
        certificate=bytes(card.credential.certificate),
        at=world.now,
        clock=lambda: next(ticks),
    )
    assert answer.state == "APPROVED"


@pytest.fixture
def day(world, shop):
    """A day by hand: three sales offline, one of them taken back, and two online.

    Offline: 10,000 and 12,345 stay. Online: 20,000 and 7,655.
    """
    tapped = world.now.replace(microsecond=0) - timedelta(seconds=10)
    world.sell(10_000, 12_345, 900, at=tapped)
    world.post(shop, world.card.void(shop, 900, world.card.atc, at=tapped))
    for amount, took_s in ((20_000, 0.4), (7_655, 0.8)):
        tap_online(world, shop, amount, tapped=tapped, took_s=took_s)
    # From the tap's whole second to the moment the portal heard of it, and what deciding took.
    return (world.now - tapped).total_seconds() + (0.4 + 0.8) / 2


def server(world):
    token = api_keys.make(merchant=world.merchant, name="shop", actor=SYSTEM, at=world.now)

    def get(**query):
        return http().get(
            f"{settings.ORIGIN}/api/v1/merchant/report",
            params=query,
            headers={"Authorization": f"Bearer {token}"},
        )

    return get


def test_1_16_the_api_tells_each_figure_with_its_count(world, day):
    answer = server(world)().json()

    assert answer["time_zone"] == "Asia/Seoul"
    (told,) = answer["reports"]
    # 22,345 offline of 50,000 in all; two of four. Each offline sale saved 100 - 20.
    assert told["offline"] == {"count": 2, "amount": 22_345}
    assert told["online"] == {"count": 2, "amount": 27_655}
    assert told["offline_share"] == {"of_count": 0.5, "of_amount": 0.4469, "count": 4}
    assert told["saved_fees"] == {"amount": 160, "count": 2}
    times = told["approval_time"]
    assert times["online"]["count"] == 2
    assert times["online"]["mean_ms"] == pytest.approx(1000 * day, abs=1)
    assert times["offline"] == {"mean_ms": 0, "count": 2}
    assert told["posted_after"]["count"] == 2
    assert 10_000 <= told["posted_after"]["mean_ms"] < 11_000


def test_1_16_the_page_shows_what_the_api_tells(world, day, owner):
    page = owner.get("/merchant/report")

    assert page.status_code == 200
    ((_report, figures),) = page.context["reports"]
    assert [(figure.value, figure.n) for figure in figures[:5]] == [
        ("22,345 KRW", 2),
        ("27,655 KRW", 2),
        ("50.0 %", 4),
        ("44.7 %", 4),
        ("160 KRW", 2),
    ]
    html = unescape(page.content.decode())
    for figure in figures:
        assert str(figure.how) in html
        assert f"n = {figure.n}" in html
    assert figures[5].value == f"{round(1000 * day) / 1000:.2f} s"


def pay_by_tid(world, *, thought_s, took_s):
    """Let a terminal of the shop ask, and a customer consent ``thought_s`` later."""
    ticks = iter([0.0, took_s])
    asked = requests.terminal(store=world.merchant.stores.get()).asks(at=world.now)
    payer, later = requests.payer(), world.now + timedelta(seconds=thought_s)
    claimed = payer.claims(asked, at=later)
    told = payments.approve(
        device=payer.phone,
        tid=asked.tid,
        consent=payer.consent(claimed),
        at=later,
        clock=lambda: next(ticks),
    )
    assert told.state == "APPROVED"


def test_1_16_a_customer_who_thinks_does_not_make_approvals_slower(world):
    for thought_s, took_s in ((20, 0.2), (200, 0.4)):
        pay_by_tid(world, thought_s=thought_s, took_s=took_s)

    (told,) = server(world)().json()["reports"]

    assert told["approval_time"]["online"] == {"mean_ms": 300, "count": 2}


def test_1_16_the_saved_fees_follow_the_agreement_of_each_payment(world, day, shop):
    """The same sum by the pure rule, payment by payment; the agreement changes on the way."""
    changed = world.now - timedelta(seconds=5)
    AgreementFactory(
        merchant=world.merchant,
        effective_from=changed,
        online_fee_minor=900,
        offline_fee_minor=1,
        fee_bps=15,
    )
    world.sell(3_000, 4_999, at=world.now)
    agreed = [
        Terms(each.effective_from.timestamp(), "KRW", each.online_fee_minor, 0, each.fee_bps)
        for each in Agreement.objects.filter(merchant=world.merchant)
    ]
    offline = Payment.objects.filter(state="APPROVED", decided_at=None)
    expected = sum(
        fee_of(
            agreed,
            amount_minor=each.amount_minor,
            currency="KRW",
            at=int(each.created_at.timestamp()),
            online=True,
        )
        - each.fee_minor
        for each in offline
    )

    (told,) = server(world)().json()["reports"]

    assert told["saved_fees"] == {"amount": expected, "count": 4}
    assert expected == 160 + 2 * 899


def test_1_16_no_data_is_said_where_nothing_is_counted(world, shop, owner):
    assert server(world)().json()["reports"] == []
    assert "No data" in owner.get("/merchant/report").content.decode()
    tap_online(world, shop, 5000, tapped=world.now, took_s=0.1)

    (told,) = server(world)().json()["reports"]
    page = owner.get("/merchant/report").content.decode()

    assert told["offline"] == {"count": 0, "amount": None}
    assert told["saved_fees"] == {"amount": None, "count": 0}
    assert told["approval_time"]["offline"] == {"mean_ms": None, "count": 0}
    assert told["offline_share"]["of_count"] == 0
    assert "no data" in page
    assert "n = 0" in page


def test_a_sale_without_an_agreement_saved_nothing_known(world):
    world.sell(5000)

    (told,) = server(world)().json()["reports"]

    assert told["offline"]["count"] == 1
    assert told["saved_fees"] == {"amount": None, "count": 0}


def test_days_outside_the_range_are_left_out(world, day):
    business_day = Payment.objects.first().business_date
    get = server(world)
    before = str(business_day - timedelta(days=1))

    assert get(**{"from": before, "to": before}).json()["reports"] == []
    (told,) = get(**{"from": str(business_day), "to": str(business_day)}).json()["reports"]
    assert told["offline_share"]["count"] == 4


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "2025-01-01", "to": "2026-01-02"},
        {"from": "yesterday"},
        {"until": "2026-01-01"},
    ],
)
def test_a_range_that_is_none_is_refused(world, asked):
    answer = server(world)(**asked)

    assert answer.status_code == 422
    assert answer.json()["code"] in ("range_invalid", "invalid")


def test_the_page_says_that_a_range_is_none_and_shows_the_usual(world, day, owner):
    page = owner.get("/merchant/report", {"from": "2026-01-02", "to": "2020-01-01"})

    assert "The last 30 days are shown instead" in page.content.decode()
    assert page.context["days"].until - page.context["days"].since == timedelta(days=29)


def test_366_days_are_the_most():
    newest = report.days_of(since=None, until=None, today=SOME_DAY)
    assert (newest.until, (newest.until - newest.since).days) == (SOME_DAY, 29)
    longest = SOME_DAY - timedelta(days=365)
    assert report.days_of(since=longest, until=SOME_DAY, today=SOME_DAY) == (longest, SOME_DAY)
    with pytest.raises(RangeInvalid):
        report.days_of(since=longest - timedelta(days=1), until=SOME_DAY, today=SOME_DAY)


SOME_DAY = report.date(2026, 11, 22)


class TestWhoSees:
    def test_a_shop_sees_its_own_alone(self, world, day, stranger):
        foreign = {"merchant": world.merchant.reference}

        assert "No data" in stranger.get("/merchant/report").content.decode()
        assert stranger.get("/merchant/report", foreign).status_code == 404
        assert stranger.get("/merchant/report/file", foreign).status_code == 404

    def test_the_desk_sees_all_together_and_shop_by_shop(self, world, day, clerk):
        world.sell(1000, shop=world.other_shop)

        page = clerk.get("/merchant/report")

        ((whole, _figures),) = page.context["reports"]
        assert (whole.n, whole.offline.n) == (5, 3)
        shops = {each.report.merchant: each.report.n for each in page.context["shops"]}
        other = world.other_shop.merchant.reference
        assert shops == {world.merchant.reference: 4, other: 1}
        one = clerk.get("/merchant/report", {"merchant": other}).context["reports"]
        assert one[0][0].n == 1

    def test_a_cashier_elsewhere_is_no_owner_there(self, world, day):
        other = world.other_shop.merchant.reference
        person = member(Role.MERCHANT_OWNER, other)
        MembershipFactory(user=person, role=Role.MERCHANT_CASHIER, tenant=world.merchant.reference)

        found = signed_in(person).get("/merchant/report", {"merchant": world.merchant.reference})

        assert found.status_code == 404


def test_the_file_holds_the_figures_as_numbers(world, day, owner):
    answer = owner.get(reverse("merchant-report-file"))

    told = b"".join(answer.streaming_content).decode("utf-8-sig")
    (cells,) = csv.DictReader(told.splitlines())
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert cells["Merchant"] == world.merchant.reference
    assert (cells["Offline sales"], cells["Offline amount"]) == ("2", "22345")
    assert (cells["Offline share of the number"], cells["Saved fees"]) == ("0.5000", "160")
    assert cells["Approval online counted"] == "2"


def test_the_report_takes_few_queries_however_much_there_is(
    world, shop, owner, clerk, django_assert_max_num_queries
):
    for _ in range(3):
        world.sell(*[1000 + n for n in range(20)])
        world.sell(500, shop=world.other_shop)
    for browser in (owner, clerk):
        with django_assert_max_num_queries(12):
            assert browser.get("/merchant/report").status_code == 200


def test_each_report_is_one_query(world, day, django_assert_num_queries):
    days = report.days_of(since=None, until=None, today=world.now.date() + timedelta(days=1))
    merchant = world.merchant.pk
    with django_assert_num_queries(1):
        report.of(merchants=None, days=days)
    with django_assert_num_queries(1):
        report.by_merchant(merchants=[merchant], days=days)
