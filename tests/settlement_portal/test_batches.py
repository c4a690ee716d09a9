"""Batches: the list, one with its records, its bytes, and what an issuer may see of it."""

from html import unescape

import pytest

from config.roles import Role
from settlement.models import Batch
from settlement.services.batches import BatchRefused
from tests.factories.settlement import card_on_phone, programme


@pytest.fixture
def mixed(world):
    """A batch with records of both issuers' cards, one of them forged."""
    own = world.card.sale(world.shop, 1000)
    foreign = world.other_card.sale(world.shop, 40_000)
    forged = world.card.sign(world.shop, 700, key=world.other_card.key, atc=99)
    world.post(world.shop, own, foreign, forged)
    return world.batch()


def text(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_the_shop_sees_number_records_and_total(world, owner, mixed):
    html = text(owner.get("/batches"))

    assert mixed.reference in html
    assert "41,700 <small>KRW</small>" in html
    assert "Rejected records: 1" in html
    assert "Posted" in html


def test_the_records_stand_in_order_with_reason_and_payment(world, owner, mixed):
    html = text(owner.get(f"/batches/{mixed.reference}"))

    payments = [record.payment for record in mixed.records.order_by("index")]
    assert html.index(payments[0].reference) < html.index(payments[1].reference)
    assert "The card's signature does not fit the record. <code>record_signature</code>" in html
    assert bytes(mixed.digest).hex() in html
    assert "nothing: it is the first of its reader" in html


def test_a_batch_names_the_one_it_continues(world, owner):
    world.sell(1000)
    first = world.batch()
    world.sell(2000)

    html = text(owner.get(f"/batches/{world.batch().reference}"))

    assert f"/batches/{first.reference}" in html
    assert bytes(first.digest).hex() in html


def test_the_list_versions_held_name_their_issuer(world, owner, auditor):
    held = {world.issuer.reference: 7, world.other_card.card.issuer.reference: 9}
    world.post(world.shop, world.card.sale(world.shop, 1000), blacklists=held)

    whole = text(owner.get(f"/batches/{world.batch().reference}"))
    part = text(auditor.get(f"/batches/{world.batch().reference}"))

    assert "version 7" in whole
    assert "version 9" in whole
    assert "version 7" in part
    assert "version 9" not in part


def test_a_refused_batch_says_why_and_what_comes_next(world, owner):
    with pytest.raises(BatchRefused):
        world.shop.upload(world.card.sale(world.shop, 1000), totals={"KRW": 999})
    refused = Batch.objects.get(state="REFUSED")

    listed = text(owner.get("/batches", {"view": "refused"}))
    shown = text(owner.get(f"/batches/{refused.reference}"))

    assert "The sum does not match its records." in listed
    assert "<code>batch_total</code>" in shown
    assert "the reader sends the batch again" in shown


def test_a_batch_that_waits_says_so(world, owner):
    world.shop.upload(world.card.sale(world.shop, 1000))

    html = text(owner.get(f"/batches/{world.batch().reference}"))

    assert "Being posted" in html
    assert "Its records are being verified" in html


def test_an_issuer_sees_its_own_records_alone(world, auditor, mixed):
    listed = text(auditor.get("/batches"))
    shown = text(auditor.get(f"/batches/{mixed.reference}"))

    assert mixed.reference in listed
    assert "41,700" not in listed
    assert "41,700" not in shown
    assert "40,000" not in shown
    assert world.other_card.card.last4 not in shown or (
        world.other_card.card.last4 == world.card.card.last4
    )
    assert "1,000 <small>KRW</small>" in shown
    assert "Those of your cards" in shown
    assert "Signed bytes" not in shown
    assert auditor.get(f"/batches/{mixed.reference}/content").status_code == 404


def test_an_issuer_sees_no_batch_without_its_cards(world, auditor):
    world.sell(1000, card=world.other_card)

    assert world.batch().reference not in text(auditor.get("/batches"))
    assert auditor.get(f"/batches/{world.batch().reference}").status_code == 404


def test_the_bytes_are_those_the_reader_signed(world, owner, mixed):
    answer = owner.get(f"/batches/{mixed.reference}/content")

    assert answer.content == bytes(mixed.content)
    assert answer["Content-Type"] == "application/cose"
    assert answer["Content-Disposition"] == f'attachment; filename="{mixed.reference}.cose"'


def test_foreign_batches_are_not_found_and_cashiers_have_no_right(world, stranger, cashier, mixed):
    for path in (f"/batches/{mixed.reference}", f"/batches/{mixed.reference}/content"):
        assert stranger.get(path).status_code == 404
        assert cashier.get(path).status_code == 403
    assert mixed.reference not in text(stranger.get("/batches"))
    assert cashier.get("/batches").status_code == 403


def test_a_rejected_record_does_not_lead_to_another_shops_payment(world, stranger, auditor):
    (first,) = world.post(world.shop, world.card.sale(world.shop, 1000))
    world.post(world.other_shop, world.card.sale(world.other_shop, 2000, atc=1))
    second = world.batch(world.other_shop)

    shown = text(stranger.get(f"/batches/{second.reference}"))

    assert "duplicate_atc" in shown
    assert first.reference not in shown
    assert first.reference in text(auditor.get(f"/batches/{second.reference}"))


def test_views_and_search_narrow_the_list(world, owner, mixed):
    world.sell(2000)
    clean = world.batch()

    def shown(**query):
        html = text(owner.get("/batches", query))
        return {row.reference for row in (mixed, clean) if row.reference in html}

    assert shown() == {mixed.reference, clean.reference}
    assert shown(view="rejected") == {mixed.reference}
    assert shown(view="posting") == set()
    assert shown(q=clean.reference.lower()) == {clean.reference}
    assert shown(q="2") == {clean.reference}
    assert shown(q=world.shop.device.reference) == {mixed.reference, clean.reference}
    assert shown(device="RDR-0000000000") == set()


def test_many_records_are_paged_in_order(world, owner, monkeypatch):
    monkeypatch.setattr("settlement.portal.batches.RECORDS_SHOWN", 3)
    made = world.sell(*range(1000, 1008))
    path = f"/batches/{world.batch().reference}"

    def shown(query=""):
        html = text(owner.get(path + query))
        return [place for place, payment in enumerate(made) if payment.reference in html]

    assert shown() == [0, 1, 2]
    assert shown("?after=2") == [3, 4, 5]
    assert shown("?after=5") == [6, 7]
    assert shown("?before=3") == [0, 1, 2]
    assert shown("?before=6") == [3, 4, 5]
    assert 'href="?after=2"' in text(owner.get(path))
    assert 'href="?before=3"' in text(owner.get(f"{path}?after=2"))


def test_they_take_few_queries(world, staff, mixed, django_assert_max_num_queries):
    for amount in range(5):
        world.sell(1000 + amount)
    card = card_on_phone(of=programme(at=world.now), at=world.now)
    world.sell(*range(2000, 2050), card=card)
    for role in (Role.MERCHANT_OWNER, Role.ISSUER_AUDITOR, Role.SETTLEMENT_CLERK):
        browser = staff(role)
        for path in ("/batches", f"/batches/{mixed.reference}"):
            with django_assert_max_num_queries(12):
                assert browser.get(path).status_code == 200
