"""A reader that sends nothing, though phones tell of sales or it was never away so long before."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from config.audit import SYSTEM
from config.models import Device
from issuers.models import Account
from settlement import tasks
from settlement.models import ExceptionItem
from settlement.services import batches, online, resolutions, silence
from wallets.services import offline_records

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
OVER = 8 * DAY  # what the portal takes no record after


def copied(card, record, at):
    offline_records.keep(device=card.phone, records=[record], at=at)


def heard(till, at):
    Device.objects.filter(pk=till.device.pk).update(seen_at=at)


def told():
    rows = ExceptionItem.objects.filter(kind="reader_silent").order_by("pk")
    return [(row.detail["copies"], row.resolution) for row in rows]


def sent(till, card, at):
    till.now = at
    till.upload(card.sale(till, at=at), at=at)


class TestCopiesOfSales:
    def test_that_no_batch_brought_open_one_exception_of_the_shop(self, till, card, noon):
        for _ in range(2):
            copied(card, card.sale(till), noon)
        heard(till, noon + OVER)

        opened = [silence.look(at=noon + OVER) for _ in range(2)]

        assert (opened, told()) == ([1, 0], [(2, "")])
        item = ExceptionItem.objects.get()
        assert (item.tenant, item.detail["reader"]) == (
            till.merchant.reference,
            till.device.reference,
        )
        assert item.detail["first"] == int(noon.timestamp())

    def test_may_still_be_sent_for_eight_days(self, till, card, noon):
        copied(card, card.sale(till), noon)

        assert silence.look(at=noon + OVER - timedelta(seconds=1)) == 0

    def test_end_with_the_next_batch_and_are_not_told_again(self, till, card, noon):
        copied(card, card.sale(till), noon)
        silence.look(at=noon + OVER)

        sent(till, card, noon + OVER)

        assert told() == [(1, "sent")]
        assert silence.look(at=noon + OVER + DAY) == 0

    def test_of_which_the_portal_knows_are_none(self, till, card, noon):
        record = card.sale(till)
        copied(card, record, noon + DAY)
        till.upload(record, at=noon - timedelta(minutes=1))  # by a reader whose clock is ahead
        batches.post_waiting(limit=20, at=noon)
        heard(till, noon + OVER)

        assert silence.look(at=noon + OVER) == 0

    def test_that_the_portal_declined_are_none(self, till, card, noon):
        Account.objects.update(state="CLOSED")
        record = card.sale(till)
        certificate = bytes(card.credential.certificate)
        answer = online.authorise(
            device=till.device, record=record, certificate=certificate, at=noon
        )
        copied(card, record, noon)

        assert answer.state == "DECLINED"
        assert silence.look(at=noon + OVER) == 0

    def test_that_somebody_explained_are_not_told_again_but_new_ones_are(self, till, card, noon):
        copied(card, card.sale(till), noon)
        silence.look(at=noon + OVER)
        explained = noon + OVER + timedelta(hours=1)
        resolutions.resolve(
            item=ExceptionItem.objects.get(), reason="It burned.", at=explained, actor=SYSTEM
        )
        assert silence.look(at=noon + OVER + DAY) == 0

        copied(card, card.sale(till), noon + OVER + DAY)

        assert silence.look(at=noon + OVER + 2 * DAY) == 1
        assert told() == [(1, "It burned."), (1, "")]

    def test_a_refused_batch_ends_nothing(self, till, card, noon):
        copied(card, card.sale(till), noon)
        silence.look(at=noon + OVER)

        with pytest.raises(batches.BatchRefused):
            till.send(till.batch(card.sale(till), sequence=5), at=noon + OVER)

        assert told() == [(1, "")]


class TestNotHeardOf:
    @pytest.fixture
    def sender(self, till, card, noon):
        sent(till, card, noon)
        heard(till, noon)
        return till

    @pytest.mark.parametrize(("later", "opened"), [(timedelta(0), 0), (timedelta(seconds=1), 1)])
    def test_for_more_than_its_oldest_record_may_be(self, sender, noon, later, opened):
        assert silence.look(at=noon + 7 * DAY + later) == opened

    def test_one_that_never_sent_has_nothing_to_send(self, till, noon):
        heard(till, noon)

        assert silence.look(at=noon + 30 * DAY) == 0

    def test_nor_has_one_that_was_revoked(self, sender, noon):
        Device.objects.update(state="REVOKED", revoked_at=noon)

        assert silence.look(at=noon + 30 * DAY) == 0

    def test_ends_when_it_is_heard_of_and_begins_anew(self, sender, noon):
        silence.look(at=noon + OVER)
        heard(sender, noon + OVER + DAY)

        assert silence.look(at=noon + OVER + DAY + timedelta(minutes=50)) == 0
        assert told() == [(0, "heard of")]
        assert silence.look(at=noon + 2 * OVER + DAY) == 1

    def test_explained_by_hand_it_stays_so_until_it_was_heard_of(self, sender, noon):
        silence.look(at=noon + OVER)
        item = ExceptionItem.objects.get()
        resolutions.resolve(item=item, reason="Holiday.", at=noon + OVER, actor=SYSTEM)

        assert silence.look(at=noon + 30 * DAY) == 0


def test_the_database_holds_one_open_exception_a_reader(till, card, noon):
    copied(card, card.sale(till), noon)
    silence.look(at=noon + OVER)
    item = ExceptionItem.objects.get()
    item.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        item.save(force_insert=True)


def test_the_schedule_looks(till, card, settings):
    now = timezone.now()
    Device.objects.update(enrolled_at=now - 30 * DAY)
    copied(card, card.sale(till, at=now - 9 * DAY), now)

    tasks.watch_readers()

    assert told() == [(1, "")]
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.watch_readers.name in scheduled


def test_control_without_the_end_a_reader_that_sent_stays_silent(till, card, noon, monkeypatch):
    monkeypatch.setattr(silence, "end", lambda **_batch: None)

    with pytest.raises(AssertionError):
        TestCopiesOfSales().test_end_with_the_next_batch_and_are_not_told_again(till, card, noon)
