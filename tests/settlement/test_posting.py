"""Batches become payments, once: acceptance 1.06 to 1.10 and 1.14 at the service."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from config.models import Event
from config.wire.keys import SigningKey
from issuers.models import Account, BlacklistEntry, Card, Credential, ListedNumber
from issuers.services import blacklist
from settlement.models import Dispute, ExceptionItem, MerchantDay, Payment, Transfer
from settlement.services import batches, history, ledger
from tests.factories import settlement as factory
from tests.factories.merchants import SYSTEM, StoreFactory

pytestmark = pytest.mark.django_db


def post(now):
    return batches.post_waiting(limit=20, at=now)


def position(card):
    return Account.objects.get(pk=card.card.account_id)


def event_types():
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def test_1_06_the_balance_moves_only_when_the_batch_posts(till, card, noon):
    till.upload(card.sale(till, 3000))
    before = position(card).balance_minor

    post(noon)

    assert (before, position(card).balance_minor) == (1_000_000, 997_000)


def test_1_07_a_batch_of_n_posts_n_records_and_one_merchant_total(till, card, noon):
    till.upload(*[card.sale(till, 1000 + n) for n in range(5)])

    assert post(noon) == 1

    assert till.result() == [("POSTED", "")] * 5
    day = MerchantDay.objects.get()
    assert (day.merchant, day.sales, day.sales_minor) == (till.merchant, 5, 5010)
    assert Payment.objects.count() == Transfer.objects.filter(code="OFFLINE_SALE").count() == 5
    assert event_types() == [*["payment.approved"] * 5, "batch.posted"]
    assert ledger.check() == []


def test_batches_of_many_readers_become_one_posting(card, noon):
    tills = [factory.till(now=noon) for _ in range(3)]
    for each in tills:
        each.upload(card.sale(each))

    assert post(noon) == 3
    assert Transfer.objects.filter(code="OFFLINE_SALE").values("posting").distinct().count() == 1


def test_1_08_the_same_batch_twice_posts_once(till, card, noon):
    content = till.batch(card.sale(till))
    first = till.send(content)
    post(noon)

    again = till.send(content)
    post(noon)

    assert again == first
    assert Payment.objects.count() == 1


def test_1_08_other_content_under_an_accepted_number_is_refused(till, card, noon):
    till.upload(card.sale(till))
    till.sequence, till.digest = 0, bytes(32)

    with pytest.raises(batches.BatchConflict):
        till.upload(card.sale(till))


def test_1_09_one_forged_record_is_rejected_alone(till, card, noon):
    first = card.sale(till)
    forged = card.sign(till, 1000, atc=2, key=SigningKey.generate())
    till.upload(first, forged, card.sale(till))

    post(noon)

    assert till.result() == [("POSTED", ""), ("REJECTED", "record_signature"), ("POSTED", "")]


def test_1_10_another_payload_under_an_atc_is_rejected_disputed_and_lists_the_card(card, noon):
    first_shop, second_shop = factory.till(now=noon), factory.till(now=noon)
    first_shop.upload(card.sale(first_shop, 1000))
    post(noon)
    second_shop.upload(card.sale(second_shop, 2000, atc=1))

    post(noon)

    assert second_shop.result() == [("REJECTED", "duplicate_atc")]
    assert Payment.objects.get().merchant == first_shop.merchant
    dispute = Dispute.objects.get()
    assert (dispute.bearer, dispute.record.payment) == ("ISSUER", Payment.objects.get())
    card.card.refresh_from_db()
    assert card.card.state == Card.State.BLOCKED
    version = blacklist.publish(issuer=card.card.issuer, at=noon + timedelta(seconds=3))
    assert ListedNumber.objects.get().added_in == version.version


def test_1_10_the_same_payload_again_harms_nobody(till, card, noon):
    record = card.sale(till)
    till.upload(record)
    post(noon)

    till.upload(record, record)
    post(noon)

    assert till.result() == [("POSTED", "already_posted")] * 2
    assert Payment.objects.count() == 1
    assert not BlacklistEntry.objects.exists()
    assert event_types() == ["payment.approved", "batch.posted", "batch.posted"]


def test_the_history_asks_for_what_may_have_come_before_alone(till, card, noon, monkeypatch):
    asked, fill = [], history._fill

    def noted(past, records, queries):
        asked.append([genuine.record.atc for genuine in records])
        fill(past, records, queries)

    monkeypatch.setattr(history, "_fill", noted)
    first, second = card.sale(till), card.sale(till)
    till.upload(second)
    post(noon)
    till.upload(first, second, card.sale(till))
    post(noon)

    assert asked == [[2], [1, 2, 3], [1, 2]]
    assert till.result() == [("POSTED", ""), ("POSTED", "already_posted"), ("POSTED", "")]


def test_a_gap_begins_at_the_newest_that_came_wherever_the_credential_was_left(till, card, noon):
    till.upload(card.sale(till))
    post(noon)
    Credential.objects.update(posted_atc=50)
    card.atc += 1
    till.upload(card.sale(till))
    post(noon)

    assert ExceptionItem.objects.get().detail == {"first": 2, "last": 2}


def test_what_the_history_left_out_the_database_refuses(till, card, noon, monkeypatch):
    record = card.sale(till)
    till.upload(record)
    post(noon)

    monkeypatch.setattr(history, "_not_ahead", lambda _records, _history: [])
    till.upload(record)
    with pytest.raises(IntegrityError, match="payment_offline_once_per_atc"):
        post(noon)


def test_1_10_both_payloads_in_one_batch(till, card, noon):
    till.upload(card.sale(till, 1000), card.sale(till, 2000, atc=1))

    post(noon)

    assert till.result() == [("POSTED", ""), ("REJECTED", "duplicate_atc")]


def test_a_listed_card_stays_listed_once_for_two_disputes(till, card, noon):
    till.upload(*[card.sale(till, amount, atc=1) for amount in (1000, 2000, 3000)])

    post(noon)

    assert BlacklistEntry.objects.count() == 1
    assert not Dispute.objects.filter(card_listed_at=None).exists()


def test_1_14_a_sale_in_the_exposure_window_is_the_issuers_loss(till, card, noon):
    blacklist.block(card=card.card, reason="LOST", at=noon - timedelta(minutes=1), actor=SYSTEM)
    till.upload(card.sale(till, 4000))

    post(noon)

    payment = Payment.objects.get()
    assert (payment.bearer, payment.bearer_cause) == ("ISSUER", "exposure_window")
    assert Transfer.objects.get(payment=payment).debit.owner == card.card.issuer.reference
    assert position(card).balance_minor == 1_000_000
    assert ExceptionItem.objects.get().kind == "exposure_window"
    assert ledger.check() == []


def test_a_reader_that_held_the_entry_bears_the_sale(till, card, noon):
    blacklist.block(card=card.card, reason="LOST", at=noon - timedelta(hours=1), actor=SYSTEM)
    version = blacklist.publish(issuer=card.card.issuer, at=noon - timedelta(minutes=50)).version
    till.upload(card.sale(till, 4000), versions=[version])

    post(noon)

    payment = Payment.objects.get()
    assert (payment.bearer, payment.bearer_cause) == ("MERCHANT", "reader_held_entry")
    assert ledger.check() == []


def test_a_claim_older_than_the_portals_log_is_a_rollback(till, card, noon):
    issuer = card.card.issuer
    blacklist.block(card=card.card, reason="LOST", at=noon - timedelta(hours=1), actor=SYSTEM)
    version = blacklist.publish(issuer=issuer, at=noon - timedelta(minutes=50)).version
    blacklist.log_download(
        issuer=issuer, device=till.device, have=0, version=version, at=noon - timedelta(minutes=40)
    )
    till.upload(card.sale(till), versions=[0])

    post(noon)

    assert Payment.objects.get().bearer_cause == "list_rollback"


def test_a_sale_draws_on_the_reserve_so_what_is_available_stays(till, card, noon):
    before = position(card)
    till.upload(card.sale(till, 3000))

    post(noon)

    after = position(card)
    assert after.offline_reserve_minor == before.offline_reserve_minor - 3000
    assert after.available_minor == before.available_minor


def test_what_the_account_does_not_hold_posts_all_the_same(till, noon):
    poor = factory.card_on_phone(balance=1500)
    till.upload(poor.sale(till, 1000), poor.sale(till, 400))
    Account.objects.filter(pk=poor.card.account_id).update(offline_reserve_minor=0)
    poor.credential.__class__.objects.filter(pk=poor.credential.pk).update(reserve_minor=0)

    post(noon)

    assert till.result() == [("POSTED", "")] * 2
    assert position(poor).balance_minor == 100
    assert ledger.check() == []


def test_a_gap_in_the_atc_posts_and_closes_when_it_is_filled(card, noon):
    quick, slow = factory.till(now=noon), factory.till(now=noon)
    late = [card.sale(slow), card.sale(slow)]
    quick.upload(card.sale(quick))
    post(noon)
    gap = ExceptionItem.objects.get()
    assert (gap.kind, gap.detail, gap.resolved_at) == ("atc_gap", {"first": 1, "last": 2}, None)

    slow.upload(*late)
    post(noon)

    gap.refresh_from_db()
    assert gap.resolution == "filled"
    assert slow.result() == [("POSTED", "")] * 2


def test_a_phone_whose_counter_ran_backwards_is_flagged(till, card, noon):
    till.upload(card.sale(till, atc=9, at=noon - timedelta(hours=2)))
    post(noon)
    till.upload(card.sale(till, atc=4))

    post(noon)

    assert till.result() == [("POSTED", "")]
    kinds = ExceptionItem.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["atc_gap", "atc_rollback"]


def test_a_counter_that_ran_backwards_since_a_renewal_is_flagged(till, noon):
    card = factory.card_on_phone(balance=30_000_000)
    till.upload(card.sale(till))
    post(noon)
    renewed = factory.renew(card, at=noon - timedelta(hours=3), key=card.key)
    till.upload(renewed.sale(till, atc=9, at=noon - timedelta(hours=2)))
    post(noon)
    till.upload(renewed.sale(till, atc=4))

    post(noon)

    assert till.result() == [("POSTED", "")]
    assert ExceptionItem.objects.filter(kind="atc_rollback").count() == 1


def test_a_renewed_certificate_goes_on_counting(till, noon):
    card = factory.card_on_phone(balance=30_000_000)
    till.upload(card.sale(till), card.sale(till))
    renewed = factory.renew(card, at=noon)
    till.upload(renewed.sale(till))

    post(noon)

    assert till.result() == [("POSTED", "")]
    assert not ExceptionItem.objects.exists()


def test_the_business_date_is_the_merchants(card, noon):
    till = factory.till(now=noon, store=StoreFactory(merchant__time_zone="America/Los_Angeles"))
    till.upload(card.sale(till))

    post(noon)

    assert str(Payment.objects.get().business_date) == "2026-11-21"


def test_a_payment_tells_of_itself_in_its_event(till, card, noon):
    till.upload(card.sale(till, 1200))

    post(noon)

    payment, event = Payment.objects.get(), Event.objects.get(type="payment.approved")
    assert (event.scope, event.subject) == (till.merchant.reference, payment.reference)
    assert event.body["payment"] == {
        "id": payment.reference,
        "channel": "OFFLINE",
        "state": "APPROVED",
        "amount": 1200,
        "currency": "KRW",
        "store": payment.store.reference,
        "device": till.device.reference,
        "card": card.card.last4,
        "approval_code": payment.approval_code,
        "created_at": "2026-11-22T03:00:00.000Z",
        "approved_at": "2026-11-22T03:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("table", "column"),
    [("settlement_payment", "amount_minor"), ("settlement_batch", "sequence")],
)
def test_what_a_row_was_born_with_cannot_be_rewritten(till, card, noon, table, column):
    till.upload(card.sale(till, 3000))
    post(noon)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} + 1")
