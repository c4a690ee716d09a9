"""Mission §1: from the reader's store to the ledger, once, record by record."""

from dataclasses import replace

import pytest

from config.wire import b64
from config.wire.client import PortalRefused
from config.wire.keys import SigningKey
from merchants.wire import Batch, batch_digest
from tests.journeys.counter import Counter, now
from tests.journeys.street import tap
from tests.journeys.waiting import eventually
from wallets.wire import OfflineRecord


def totals(counter: Counter, sequence: int) -> dict[str, int]:
    told: dict[str, int] = counter.answer(sequence=sequence)["totals"]
    return told


def results(counter: Counter, sequence: int) -> list[tuple[str, str | None]]:
    told = counter.answer(sequence=sequence)["results"]
    assert [entry["index"] for entry in told] == list(range(len(told)))
    return [(entry["state"], entry.get("reason")) for entry in told]


def test_1_06_approved_detail_is_in_the_reader_before_the_issuer_hears(
    card, handset, token, counter
):
    before = handset.at_the_portal(card["card"])

    assert tap(handset, token, counter, 12_500).state == "approved"
    assert counter.stored() == 1
    assert handset.at_the_portal(card["card"]) == before

    counter.upload()
    after = handset.at_the_portal(card["card"])
    assert before["balance"] - after["balance"] == 12_500
    assert before["offline_reserve"] - after["offline_reserve"] == 12_500
    assert after["available"] == before["available"]


def test_1_07_batch_posts_each_record_once(desks, street, new_counter, handset, token):
    shop = street.shop("Noodle House")
    counter = new_counter(shop)
    amounts = [3_000, 4_000, 5_500]
    codes = [tap(handset, token, counter, amount).code for amount in amounts]

    sent = counter.upload()

    assert (sent.state, sent.deleted, counter.stored()) == ("POSTED", 3, 0)
    assert results(counter, sent.sequence) == [("POSTED", None)] * 3
    assert totals(counter, sent.sequence) == {"KRW": sum(amounts)}
    payments = shop.payments()
    assert sorted(payment["amount"] for payment in payments) == amounts
    assert {payment["approval_code"] for payment in payments} == set(codes)
    assert {(one["channel"], one["state"]) for one in payments} == {("OFFLINE", "APPROVED")}
    posted = eventually(lambda: [e for e in shop.events() if e["type"] == "batch.posted"])
    assert len(posted) == 1
    assert [event["seq"] for event in shop.events()] == list(range(1, 5))
    days = desks("settlement clerk").page(f"/merchant/days?merchant={shop.merchant}").text
    assert f"{sum(amounts):,}" in days, "one total of the merchant's business day"


def test_1_08_the_same_batch_twice_posts_once_and_another_content_is_refused(
    shop, handset, token, counter
):
    for amount in (2_000, 2_500):
        tap(handset, token, counter, amount)
    batch = counter.reader.next_batch(at=now())
    assert batch is not None
    first = counter.upload()
    before, known = counter.answer(sequence=first.sequence), len(shop.payments())

    again = counter.post(batch)
    assert (again["sequence"], again["digest"]) == (1, b64.encode(batch_digest(batch)))
    assert counter.answer(sequence=first.sequence) == before
    assert len(shop.payments()) == known

    other = replace(Batch.peek(batch), created=now() + 1).sign(key=counter.reader.key)
    with pytest.raises(PortalRefused) as refused:
        counter.post(other)
    assert (refused.value.status, refused.value.code) == (409, "batch_conflict")
    assert len(shop.payments()) == known


def test_1_09_one_forged_record_is_rejected_alone(card, handset, token, counter):
    before = handset.at_the_portal(card["card"])["balance"]
    for amount in (1_000, 2_000, 3_000):
        tap(handset, token, counter, amount)
    records = counter.reader.known.store.records
    forged = OfflineRecord.peek(records[1].record).sign(key=SigningKey.generate())
    records[1] = replace(records[1], record=forged)

    sent = counter.upload()

    assert results(counter, sent.sequence) == [
        ("POSTED", None),
        ("REJECTED", "record_signature"),
        ("POSTED", None),
    ]
    assert before - handset.at_the_portal(card["card"])["balance"] == 1_000 + 3_000
    assert counter.stored() == 0, "a rejected record has its result too"
