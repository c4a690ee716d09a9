"""The page of one payment: what it says, to whom, and what it keeps from whom."""

import json
from datetime import timedelta
from html import unescape

import pytest

from issuers.models import BlacklistEntry
from issuers.services import blacklist
from tests.factories.settlement import card_on_phone


def page(browser, payment, **query):
    answer = browser.get(f"/payments/{payment.reference}", query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_the_shop_reads_what_happened_in_order(world, owner):
    (payment,) = world.sell(12_500)

    html = page(owner, payment)

    steps = [
        "Told: paid",
        "Sale posted</span>",
        "Signature verified, record posted",
        "Came in with batch 1",
        "Tapped and approved offline",
    ]
    places = [html.index(step) for step in steps]
    assert places == sorted(places), "newest first"
    assert "12,500 <small>KRW</small>" in html
    assert "12,500 KRW from the card account to the shop's payable" in html
    assert "The cardholder pays, as for any sale." in html
    assert "Event 1 of the shop" in html


def test_the_shop_sees_only_the_last_four_of_a_card(world, owner):
    (payment,) = world.sell(12_500)
    card = world.card.card

    for query in ({}, {"tab": "api"}):
        html = page(owner, payment, **query)
        assert card.reference not in html
        assert card.account.reference not in html
        assert card.account.holder not in html
    assert f"•••• {card.last4}" in page(owner, payment)


def test_the_issuer_sees_its_card_and_counter(world, auditor):
    (payment,) = world.sell(12_500)

    html = page(auditor, payment)

    card = world.card.card
    assert f"/issuer/{card.issuer.reference}/cards/{card.reference}" in html
    assert "Counter" in html


def test_foreign_payments_are_not_found(world, stranger, auditor, owner):
    (foreign_card,) = world.sell(1000, card=world.other_card)
    (foreign_shop,) = world.sell(1000, card=world.other_card, shop=world.other_shop)

    assert owner.get(f"/payments/{foreign_card.reference}").status_code == 200
    assert stranger.get(f"/payments/{foreign_card.reference}").status_code == 404
    assert auditor.get(f"/payments/{foreign_card.reference}").status_code == 404
    assert owner.get(f"/payments/{foreign_shop.reference}").status_code == 404
    assert owner.get("/payments/PAY-0000000000").status_code == 404


def test_a_reversal_is_told(world, owner):
    sale = world.card.sale(world.shop, 3000)
    (payment,) = world.post(world.shop, sale)
    world.post(world.shop, world.card.void(world.shop, 3000, world.card.atc))

    html = page(owner, payment)

    assert "Reversed" in html
    assert "Taken back at the reader" in html
    assert "Told: reversed" in html
    assert "3,000 KRW from the shop's payable to the card account" in html


def test_who_bears_a_listed_card_is_said_with_its_reason(world, owner, auditor):
    blacklist.block(
        card=world.card.card,
        reason=BlacklistEntry.Reason.LOST,
        note="",
        at=world.now.replace(microsecond=0),
        actor=blacklist_actor(),
    )
    (payment,) = world.sell(9900)

    for browser in (owner, auditor):
        html = page(browser, payment)
        assert "Issuer bears it" in html
        assert "the reader's list did not hold it yet" in html
        assert "from the issuer's loss to the shop's payable" in html
    assert "Approved in the exposure window" in page(auditor, payment)
    assert "Approved in the exposure window" not in page(owner, payment), "the issuer's queue"


def test_the_evidence_of_a_liability_is_shown_to_issuer_and_shop(world, owner, auditor):
    issuer = world.issuer.reference
    blacklist.block_and_publish(
        card=world.card.card,
        reason=BlacklistEntry.Reason.LOST,
        at=world.now - timedelta(minutes=20),
        actor=blacklist_actor(),
    )
    fetched = world.now - timedelta(minutes=10)
    blacklist.fetch(device=world.shop.device, issuer=issuer, have=0, at=fetched)
    record = world.card.sale(world.shop, 9900, at=world.now - timedelta(minutes=30))
    (payment,) = world.post(world.shop, record, versions=[1])

    for browser in (owner, auditor):
        html = page(browser, payment)
        assert "Shop bears it" in html
        assert "<dt>Card listed</dt>" in html
        assert "<dt>On the list since</dt><dd>version 1</dd>" in html
        assert "<dt>Reader says it held</dt><dd>version 1</dd>" in html
        assert "<dt>Portal had given it</dt><dd>version 1</dd>" in html
        assert "The reader was given the list it says it held later." in html
    assert "Dated before the portal can prove" in page(auditor, payment)


def blacklist_actor():
    from config.audit import SYSTEM

    return SYSTEM


def test_a_counter_used_twice_is_the_issuers_to_see(world, owner, auditor, stranger):
    first = world.card.sale(world.shop, 1000)
    (payment,) = world.post(world.shop, first)
    second = world.card.sale(world.other_shop, 2000, atc=1)
    assert world.post(world.other_shop, second) == []

    told = page(auditor, payment)
    assert "A second payment under the same counter" in told
    assert "Another payment stands under this transaction counter." in told
    kept = page(owner, payment)
    assert "A second payment under the same counter" not in kept
    assert "Record rejected" not in kept
    assert stranger.get(f"/payments/{payment.reference}").status_code == 404


def test_a_record_sent_again_tells_its_tap_once(world, owner):
    sale = world.card.sale(world.shop, 1000)
    (payment,) = world.post(world.shop, sale)
    assert world.post(world.shop, sale) == []

    html = page(owner, payment)

    assert html.count("Tapped and approved offline") == 1
    assert "Came in with batch 2" in html
    assert "nothing was posted twice" in html


def test_the_api_tab_tells_what_the_api_tells(world, owner, settings):
    (payment,) = world.sell(12_500)

    html = page(owner, payment, tab="api")

    body = json.loads(html.split('aria-label="Payment as JSON">')[1].split("</pre>")[0])
    assert (body["id"], body["amount"], body["currency"]) == (payment.reference, 12_500, "KRW")
    assert f"{settings.ORIGIN}/api/v1/merchant/payments/{payment.reference}" in html


# What lies beside a payment is asked for by the timeline alone: uploads, copies, payouts, acts,
# webhooks, what was earned, and what came again.
WHOLE_STORY = {"": 12, "api": 0}


@pytest.mark.parametrize("tab", ["", "api"])
def test_it_takes_few_queries(world, owner, auditor, django_assert_max_num_queries, tab):
    (payment,) = world.sell(12_500)
    world.post(world.shop, world.card.void(world.shop, 12_500, world.card.atc))
    for browser in (owner, auditor):
        with django_assert_max_num_queries(12 + WHOLE_STORY[tab]):
            page(browser, payment, tab=tab)


def test_a_card_of_another_phone_stays_apart(world, owner):
    card = card_on_phone(of=world.card.card.programme, at=world.now)
    (mine,) = world.sell(1000)
    (other,) = world.sell(2000, card=card)

    assert "1,000 <small>" in page(owner, mine)
    assert "2,000 <small>" in page(owner, other)


@pytest.mark.parametrize("named", ["PAY-%00", "%F0%9F%99%82", "PAY-" + "0" * 300, "..%2F..", "%27"])
def test_an_odd_address_is_not_found(world, owner, named):
    for kind in ("payments", "batches"):
        assert owner.get(f"/{kind}/{named}").status_code in {400, 404}
