"""Redemptions line by line, what a sponsor owes for them, and how fast merchants redeem."""

import csv
from io import StringIO

import pytest
from django.utils import timezone

from benefits.services import restoring
from config.roles import Role
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db


def rows_of(answer):
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(StringIO(text)))


def test_lines_of_ones_own_campaigns_alone(scene, manager, at):
    foreign = made.definition(name="Foreign")
    scene.redeem()
    scene.redeem(definition=foreign)
    page = manager.get(at("redemption-list"))
    assert [row[0].holding.definition for row in page.context["listed"]] == [scene.coupon]


def test_filters_narrow_the_list_and_the_file(scene, manager, at):
    scene.redeem(tender="CASH")
    card = scene.redeem(tender="CARD")
    query = f"?view=redeemed&paid=CARD&campaign={scene.coupon.reference}"
    page = manager.get(at("redemption-list", query=query))
    assert [row[0].redemption.document for row in page.context["listed"]] == [card]
    _head, line = rows_of(manager.get(at("redemption-file", query=query)))
    assert (line[1], line[7], line[10]) == (card, "CARD", "1000")


def test_an_old_campaign_is_found_by_its_link_behind_fifty_newer_ones(scene, manager, at):
    scene.redeem()
    for number in range(50):
        made.definition(name=f"C{number}", shares=[(scene.sponsor, 10_000)])
    scene.redeem(definition=made.definition(name="Newest", shares=[(scene.sponsor, 10_000)]))
    page = manager.get(at("redemption-list", query=f"?campaign={scene.coupon.reference}"))
    assert [row[0].holding.definition for row in page.context["listed"]] == [scene.coupon]


def test_each_sponsor_owes_its_share_of_each_line(scene, desk, manager, at):
    for _ in range(3):
        scene.redeem()
    (shop,) = manager.get(at("sponsor-statement")).context["totals"]
    owner = scene.brand.reference
    (brand,) = desk(Role.SPONSOR).get(at("sponsor-statement", owner=owner)).context["totals"]
    assert (shop.redemptions, shop.taken_minor) == (3, 3_000)
    assert (shop.owed_minor, brand.owed_minor) == (3 * 666, 3 * 334)


def test_a_statement_shares_out_as_the_ledger_does(scene, manager, at):
    document = scene.redeem()
    borne = made.locks.commit(document=document, tender="CASH", at=timezone.now())
    mine = dict(borne[0].shares)[scene.sponsor]
    (total,) = manager.get(at("sponsor-statement")).context["totals"]
    assert total.owed_minor == mine


def test_what_a_refund_gave_back_is_taken_off(scene, manager, at):
    document = scene.redeem()
    restoring.refund(document=document, key="R1", amount_minor=10_000, at=timezone.now())
    (total,) = manager.get(at("sponsor-statement")).context["totals"]
    assert (total.taken_minor, total.back_minor, total.owed_minor) == (1_000, 1_000, 0)


def test_several_refunds_come_back_as_one_of_their_sum_would(scene, desk, manager, at):
    document = scene.redeem()
    for key in ("R1", "R2"):  # a unit of the line each; of two units the shop bears one
        restoring.refund(document=document, key=key, amount_minor=10, at=timezone.now())
    (shop,) = manager.get(at("sponsor-statement")).context["totals"]
    owner = scene.brand.reference
    (brand,) = desk(Role.SPONSOR).get(at("sponsor-statement", owner=owner)).context["totals"]
    assert (shop.back_minor, shop.owed_minor, brand.owed_minor) == (2, 666 - 1, 334 - 1)


def test_gift_cards_were_paid_for(scene, manager, at):
    gift = made.definition("GIFT_CARD", name="Voucher", shares=[(scene.sponsor, 10_000)])
    scene.redeem(definition=gift)
    assert manager.get(at("sponsor-statement")).context["totals"] == []


def test_much_cash_at_one_merchant_is_told(scene, manager, at):
    for _ in range(9):
        scene.redeem(tender="CASH")
    (before,) = manager.get(at("sponsor-statement")).context["paces"]
    scene.redeem(tender="CARD")
    (after,) = manager.get(at("sponsor-statement")).context["paces"]
    assert (before.pace.looks_farmed, after.pace.looks_farmed) == (False, True)
    assert (after.cash, after.pace.redemptions) == ("90 %", 10)


def test_days_of_another_year_are_empty(scene, manager, at):
    scene.redeem()
    page = manager.get(at("sponsor-statement", query="?from=2020-01-01&to=2020-02-30"))
    assert page.status_code == 200
    page = manager.get(at("sponsor-statement", query="?from=2019-01-01&to=2020-01-01"))
    assert page.context["rows"] == []


def test_the_file_adds_up_to_the_page(scene, manager, at):
    scene.redeem()
    _head, *lines = rows_of(manager.get(at("statement-file")))
    assert [line[1:] for line in lines] == [
        [scene.coupon.reference, "Welcome", "KRW", "1", "1000", "0", "666"]
    ]
