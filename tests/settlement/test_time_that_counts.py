"""A reader's clock is not believed further than the portal can prove (protocol §5, liability)."""

from datetime import timedelta

import pytest

from issuers.models import OtaCommand
from issuers.services import blacklist
from settlement.models import ExceptionItem, Payment
from settlement.rules import liability
from settlement.rules.facts import Counted
from settlement.services import batches
from tests.factories import settlement as factory
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(noon):
    """A reader that was given version 1 two hours before noon, for another card."""
    till = factory.till(now=noon, at=noon - timedelta(days=2))
    held = factory.card_on_phone()
    other = factory.card_on_phone(of=held.card.programme)
    blacklist.block_and_publish(
        card=other.card, reason="LOST", at=noon - 130 * MINUTE, actor=SYSTEM
    )
    fetch(till, held, noon - 120 * MINUTE)
    return till, held


def fetch(till, held, at, have=0):
    blacklist.fetch(device=till.device, issuer=held.card.issuer.reference, have=have, at=at)


def listed(held, at):
    blacklist.block_and_publish(card=held.card, reason="LOST", at=at, actor=SYSTEM)


def posted(till, record, version, *, at=None):
    till.upload(record, versions=[version], at=at)
    batches.post_waiting(limit=20, at=at or till.now)
    payment = Payment.objects.order_by("-pk")[0]
    return payment.bearer, payment.bearer_cause


def backdated():
    return [item.detail for item in ExceptionItem.objects.filter(kind="record_backdated")]


def test_1_14_a_record_backdated_behind_the_batch_before_counts_from_that_batch(shop, noon):
    till, held = shop
    till.now = noon - 60 * MINUTE
    till.upload(factory.card_on_phone().sale(till))
    listed(held, noon - 90 * MINUTE)

    borne = posted(till, held.sale(till, at=noon - 100 * MINUTE), 1, at=noon)

    assert borne == ("ISSUER", "exposure_window")
    (detail,) = backdated()
    assert detail["because"] == "batch"
    assert detail["counted_at"] == int((noon - 60 * MINUTE).timestamp())
    assert detail["tapped_at"] == int((noon - 100 * MINUTE).timestamp())


def test_a_list_claimed_before_it_was_given_dates_the_record(shop, noon):
    till, held = shop
    listed(held, noon - 50 * MINUTE)
    fetch(till, held, noon - 40 * MINUTE, have=1)

    borne = posted(till, held.sale(till, at=noon - 60 * MINUTE), 2)

    assert borne == ("MERCHANT", "reader_held_entry")
    assert [detail["because"] for detail in backdated()] == ["list"]


def test_an_honest_reader_that_fetches_right_before_it_uploads_loses_nothing(shop, noon):
    till, held = shop
    record = held.sale(till, at=noon - 60 * MINUTE)  # tapped with version 1
    late = held.sale(till, at=noon - 45 * MINUTE)
    listed(held, noon - 50 * MINUTE)
    fetch(till, held, noon - 1 * MINUTE, have=1)

    till.upload(record, late, versions=[1, 1])
    batches.post_waiting(limit=20, at=noon)

    borne = Payment.objects.order_by("atc").values_list("bearer", "bearer_cause")
    assert list(borne) == [("CARDHOLDER", ""), ("ISSUER", "exposure_window")]
    assert backdated() == []


def test_batches_made_while_the_one_before_waited_for_its_answer_are_not_moved(shop, noon):
    till, held = shop
    first = till.batch(held.sale(till, at=noon - 60 * MINUTE), created=epoch(noon - 50 * MINUTE))
    till.send(first, at=noon)
    till.upload(held.sale(till, at=noon - 40 * MINUTE), at=noon)

    batches.post_waiting(limit=20, at=noon)

    assert backdated() == []


def epoch(at):
    return int(at.timestamp())


def test_two_clocks_apart_are_no_exception(shop, noon):
    till, held = shop
    fetch(till, held, noon - 20 * MINUTE, have=0)

    posted(till, held.sale(till, at=held.credential.issued_at - 4 * MINUTE), 0)

    assert backdated() == []


def test_who_bears_it_is_kept_with_all_it_was_decided_by(shop, noon):
    till, held = shop
    listed(held, noon - 50 * MINUTE)
    fetch(till, held, noon - 40 * MINUTE, have=1)

    posted(till, held.sale(till, at=noon - 30 * MINUTE), 1)

    item = ExceptionItem.objects.get(kind="list_rollback")
    assert item.detail == {
        "tapped_at": epoch(noon - 30 * MINUTE),
        "counted_at": epoch(noon - 30 * MINUTE),
        "because": "",
        "listed_at": epoch(noon - 50 * MINUTE),
        "added_in": 2,
        "claimed_version": 1,
        "given_version": 2,
    }


def believing(genuine, _history):
    return Counted(min(genuine.record.at, genuine.taken.arrived_at), "")


def test_negative_control_a_portal_that_believes_the_reader_lets_the_cardholder_pay(
    shop, noon, monkeypatch
):
    monkeypatch.setattr(liability, "counted_at", believing)

    with pytest.raises(AssertionError):
        test_1_14_a_record_backdated_behind_the_batch_before_counts_from_that_batch(shop, noon)


class TestAPhoneThatHadAppliedTheBlock:
    @pytest.fixture
    def applied(self, shop, noon):
        till, held = shop
        listed(held, noon - 50 * MINUTE)
        OtaCommand.objects.update(
            state="APPLIED", applied_at=noon - 40 * MINUTE, acknowledged_version=1
        )
        return till, held

    def test_is_suspected_and_the_issuer_bears(self, applied, noon):
        till, held = applied

        borne = posted(till, held.sale(till, at=noon - 30 * MINUTE), 1)

        assert borne == ("ISSUER", "tampering_suspected")
        item = ExceptionItem.objects.get(kind="tampering_suspected")
        assert item.tenant == held.card.issuer.reference

    @pytest.mark.parametrize("minutes", [40, 45])
    def test_is_not_suspected_of_what_it_paid_before(self, applied, noon, minutes):
        till, held = applied

        borne = posted(till, held.sale(till, at=noon - minutes * MINUTE), 1)

        assert borne == ("ISSUER", "exposure_window")

    def test_is_suspected_by_the_version_its_record_names(self, shop, noon):
        till, held = shop
        listed(held, noon - 50 * MINUTE)

        borne = posted(till, held.sale(till, at=noon - 30 * MINUTE, ota_version=1), 1)

        assert borne == ("ISSUER", "tampering_suspected")

    def test_leaves_the_loss_with_a_reader_that_held_the_entry(self, applied, noon):
        till, held = applied
        fetch(till, held, noon - 35 * MINUTE, have=1)

        borne = posted(till, held.sale(till, at=noon - 30 * MINUTE), 2)

        assert borne == ("MERCHANT", "reader_held_entry")
        assert ExceptionItem.objects.filter(kind="tampering_suspected").count() == 1

    def test_is_another_phone_than_one_that_never_heard(self, shop, noon):
        till, held = shop
        listed(held, noon - 50 * MINUTE)

        borne = posted(till, held.sale(till, at=noon - 30 * MINUTE), 1)

        assert borne == ("ISSUER", "exposure_window")

    def test_negative_control_without_acknowledgements_nobody_is_suspected(
        self, applied, noon, monkeypatch
    ):
        monkeypatch.setattr(liability, "_tampered", lambda *_: False)

        with pytest.raises(AssertionError):
            self.test_is_suspected_and_the_issuer_bears(applied, noon)
