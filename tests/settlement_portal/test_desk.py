"""Days, navigation and the first page: what settlement adds to each."""

from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from config.models import Membership
from config.roles import MATRIX, Right, Role
from settlement.models import MerchantDay
from settlement.portal import home, nav
from settlement.portal.urls import urlpatterns
from settlement.services.batches import BatchRefused


def text(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def desk(role, tenant, at):
    """Return what the first page shows to ``role``: figures by label, and titles that wait."""
    membership = Membership(role=role, tenant_kind=kind_of(role), tenant=tenant)
    asked = {"user": None, "membership": membership, "at": at}
    tiles = {tile.label: tile.value for tile in home.tiles(**asked)}
    return tiles, [item.title for item in home.attention(**asked)]


def kind_of(role):
    return "PLATFORM" if role == Role.SETTLEMENT_CLERK else role.split("_")[0]


def test_the_days_of_a_month_add_up(world, cashier):
    world.sell(1000, 2500)
    sale = world.card.sale(world.shop, 700)
    world.post(world.shop, sale)
    world.post(world.shop, world.card.void(world.shop, 700, world.card.atc))
    day = MerchantDay.objects.get(merchant=world.merchant)

    html = text(cashier.get("/merchant/days"))

    assert f"day={day.business_date:%Y-%m-%d}" in html
    foot = html.split("<tfoot")[1]
    for figure in ("4,200", "700", "3,500"):
        assert f"{figure} <small>KRW</small>" in foot


def test_another_month_has_its_own_address(world, cashier):
    world.sell(1000)

    html = text(cashier.get("/merchant/days", {"month": "2020-02"}))

    assert "Nothing was taken in this month" in html
    assert "month=2020-01" in html
    assert "month=2020-03" in html


@pytest.mark.parametrize("month", ["0000-99", "0001-01", "9999-12", "2026", "x"])
def test_a_month_that_is_none_is_this_one(world, cashier, month):
    world.sell(1000)
    assert "1,000 <small>" in text(cashier.get("/merchant/days", {"month": month}))


def test_a_shop_is_told_its_day_and_what_went_wrong(world):
    world.sell(1000, 2500)
    with pytest.raises(BatchRefused):
        world.shop.upload(world.card.sale(world.shop, 1000), totals={"KRW": 999})

    tiles, waiting = desk(Role.MERCHANT_OWNER, world.merchant.reference, world.now)

    assert tiles["Taken today"] == "3,500"
    assert waiting == ["Batches refused and not sent again: 1"]
    assert desk(Role.MERCHANT_CASHIER, world.merchant.reference, world.now)[1] == []


def test_a_batch_sent_again_needs_nobody(world):
    sale = world.card.sale(world.shop, 1000)
    with pytest.raises(BatchRefused):
        world.shop.upload(sale, totals={"KRW": 999})
    world.post(world.shop, sale)

    assert desk(Role.MERCHANT_OWNER, world.merchant.reference, world.now)[1] == []


def test_the_clearing_desk_is_told_of_late_batches(world):
    world.shop.upload(world.card.sale(world.shop, 1000))

    soon = desk(Role.SETTLEMENT_CLERK, "", world.now)
    late = desk(Role.SETTLEMENT_CLERK, "", world.now + timedelta(minutes=5))

    assert soon[0]["Batches being posted"] == "1"
    assert soon[1] == []
    assert late[1] == ["A batch has waited 5 min to be posted"]


def test_an_issuer_is_told_of_its_disputes_alone(world):
    world.post(world.shop, world.card.sale(world.shop, 1000))
    world.post(world.other_shop, world.card.sale(world.other_shop, 2000, atc=1))

    tiles, waiting = desk(Role.ISSUER_RISK, world.issuer.reference, world.now)
    other = desk(Role.ISSUER_RISK, world.other_card.card.issuer.reference, world.now)

    assert tiles["Open disputes"] == "1"
    assert waiting == ["Open disputes: 1"]
    assert other == ({"Losses to explain": "0", "Open disputes": "0"}, [])


@pytest.mark.parametrize("role", Role)
def test_every_entry_of_the_menu_opens(world, staff, role):
    tenants = {"MERCHANT": world.merchant.reference, "ISSUER": world.issuer.reference}
    tenant = tenants.get(kind_of(role), "SPO-1" if role == Role.SPONSOR else "")
    browser = staff(role, tenant)
    membership = Membership(role=role, tenant_kind=kind_of(role), tenant=tenant)

    for item in nav.items(user=None, membership=membership):
        assert browser.get(item.url, follow=True).status_code == 200, item.label


LIVE = {"MERCHANT": 200, "PLATFORM": 302, "ISSUER": 403, "SPONSOR": 403}


@pytest.mark.parametrize("role", Role)
def test_each_page_answers_a_role_as_the_matrix_says(world, staff, role):
    (payment,) = world.sell(1000)
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    batches = 200 if Right.SEE_BATCHES in MATRIX[role] else 403
    payments = 200 if Right.SEE_PAYMENTS in MATRIX[role] else 403
    payouts = 200 if Right.SEE_PAYOUTS in MATRIX[role] else 403
    pages = {
        "/merchant/payments": LIVE[kind_of(role)],
        "/merchant/payouts": payouts,
        "/merchant/report": payouts,
        "/merchant/report/file": payouts,
        "/merchant/days": LIVE[kind_of(role)],
        "/merchant/payments/shops": payments,
        f"/payments/{payment.reference}": payments,
        f"/payments/{payment.reference}/receipt": payments,
        "/batches": batches,
        f"/batches/{world.batch().reference}": batches,
        "/merchant/offline": LIVE[kind_of(role)] if batches == 200 else 403,
        "/search": 200,
    }

    assert {path: browser.get(path).status_code for path in pages} == pages


def addresses():
    given = {"reference": "PAY-0000000000", "issuer": "ISS-0000000000", "item": 1}
    given |= {"merchant": "MER-0000000000", "tid": "T" * 23, "day": "2026-11-30"}
    given |= {"checkout": "CHK-0000000000", "programme": "PRG-0000000000", "job": "JOB-0000000000"}
    given |= {"proposal": "SPR-0000000000"}
    return {
        pattern.name: reverse(
            pattern.name, kwargs={name: given[name] for name in pattern.pattern.converters}
        )
        for pattern in urlpatterns
    }


def test_without_a_sign_in_every_page_leads_there(client, db):
    for name, url in addresses().items():
        answer = client.get(url)
        assert answer.status_code == 302, name
        assert "/sign-in" in answer.url, name


ACTS = {
    *("exception-resolve", "dispute-close", "gap-resolve"),
    *("suspense-resolve", "suspense-agree", "suspense-refuse"),
    *("day-close", "day-close-cancel"),
}
OF_THE_SHOP = {  # a clerk has no right to either, and is told so first
    *("till", "till-sale", "till-state", "till-cancel", "till-give", "till-reopen"),
    *("till-code", "till-code-state", "till-code-confirm", "till-code-abandon", "till-code-cancel"),
    *("payment-refund", "payment-reverse"),
    *("atm", "atm-count", "atm-redemption", "atm-move", "stock-load", "stock-withdraw"),
}
OF_CARDS = {  # nor to these of an issuer
    *("preapproval-list", "preapproval-rows", "preapproval", "preapproval-cancel"),
    *("preapproval-terms-list", "preapproval-terms"),
}


def test_all_other_pages_only_answer_reading(world, clerk):
    assert clerk.post(addresses()["search"]).status_code == 302, "what is typed comes by POST"
    for name, url in addresses().items() - {("search", addresses()["search"])}:
        expected = 404 if name in ACTS else 403 if name in OF_THE_SHOP | OF_CARDS else 405
        assert clerk.post(url).status_code == expected, name


def test_the_days_take_few_queries(world, owner, django_assert_max_num_queries):
    today = timezone.now().date()
    for back in range(25):
        MerchantDay.objects.create(
            merchant=world.merchant,
            business_date=today - timedelta(days=back),
            channel="OFFLINE",
            currency="KRW",
            sales=1,
            sales_minor=1000,
        )
    with django_assert_max_num_queries(12):
        text(owner.get("/merchant/days"))
