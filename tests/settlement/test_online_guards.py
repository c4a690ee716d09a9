"""Online taps against what could go wrong: copies of a phone, unsent records, two at once."""

from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import connection

from issuers.models import Account, BlacklistEntry, Credential
from issuers.services import authorise
from settlement.models import Dispute, Payment
from settlement.services import batches, disputes, ledger, online
from tests.settlement.test_online import CAPS, FIRST, OVER_CAP, ask, at_once, card_with

pytestmark = pytest.mark.django_db

CAP = CAPS.cumulative_cap_minor
NET = """
ALTER TABLE issuers_account ADD CONSTRAINT account_available_not_negative
CHECK (limit_minor + balance_minor - held_minor - offline_reserve_minor >= 0)
"""


def reserve_of(card):
    return Credential.objects.get(card=card.card, state="ACTIVE").reserve_minor


def account_of(card):
    return Account.objects.get(pk=card.card.account_id)


class TestAnotherPayloadUnderAUsedAtc:
    """Acceptance 1.10, where the second tap comes online."""

    @pytest.fixture
    def twice(self, till):
        card = card_with()
        ask(till, card, card.sale(till, OVER_CAP))
        return card, card.sale(till, 2000, atc=1)

    def refused(self, till, card, record):
        with pytest.raises(online.TapDuplicate) as refusal:
            ask(till, card, record)
        return refusal.value.code

    def test_1_10_is_refused_disputed_and_lists_the_card(self, till, twice, noon):
        card, record = twice

        assert self.refused(till, card, record) == "duplicate_atc"
        batches.post_waiting(limit=20, at=noon)

        dispute = Dispute.objects.get()
        assert (dispute.payment, dispute.record, dispute.bearer) == (
            Payment.objects.get(),
            None,
            "ISSUER",
        )
        assert bytes(dispute.tap) == record
        assert dispute.card_listed_at == noon
        assert BlacklistEntry.objects.get().reason == "FRAUD"

    def test_1_10_is_disputed_once_however_often_it_comes(self, till, twice, noon):
        card, record = twice
        for _ in range(2):
            self.refused(till, card, record)
        till.upload(record)

        batches.post_waiting(limit=20, at=noon)

        assert till.result() == [("REJECTED", "duplicate_atc")]
        dispute = Dispute.objects.get()
        assert (dispute.record.batch.device, dispute.tap) == (till.device, None)

    def test_1_10_the_same_payload_again_harms_nobody(self, till, noon):
        card = card_with()
        record = card.sale(till, OVER_CAP)

        assert ask(till, card, record) == ask(till, card, record)
        assert not Dispute.objects.exists()

    def test_negative_control_without_the_dispute_the_card_goes_on(
        self, till, twice, noon, monkeypatch
    ):
        monkeypatch.setattr(disputes, "open_tap", lambda **_: None)

        with pytest.raises(Dispute.DoesNotExist):
            self.test_1_10_is_refused_disputed_and_lists_the_card(till, twice, noon)


class TestRecordsThatAnApprovalOvertakes:
    def test_stay_covered_when_they_post_after_the_reset(self, till, noon):
        card = card_with(balance=CAP + 100_000)
        unsent = [card.sale(till, 20_000), card.sale(till, 15_000)]
        ask(till, card, card.sale(till, 1_000))
        assert reserve_of(card) == CAP + 35_000  # what the phone may spend, and what it has

        till.upload(*unsent)
        batches.post_waiting(limit=20, at=noon)

        assert reserve_of(card) == CAP
        assert account_of(card).available_minor == 100_000 - 36_000
        assert ledger.check() == []

    def test_are_covered_as_far_as_there_was_money(self, till, noon):
        card = card_with(balance=CAP + 5_000)
        unsent = [card.sale(till, 20_000)]

        ask(till, card, card.sale(till, 1_000))

        held = Credential.objects.get()
        # 4,000 were free: the phone gets so much of its 21,000 back, and no more.
        assert (reserve_of(card), held.posted_minor) == (CAP + 4_000, 16_000)
        till.upload(*unsent)
        batches.post_waiting(limit=20, at=noon)
        assert account_of(card).available_minor == 0
        assert ledger.check() == []

    def test_of_taps_that_were_declined_wait_for_no_record(self, till):
        card = card_with(balance=CAP + OVER_CAP)
        ask(till, card, card.sale(till, OVER_CAP + 1))
        Account.objects.update(limit_minor=1_000_000)

        ask(till, card, card.sale(till, OVER_CAP))

        assert reserve_of(card) == CAP

    def test_that_were_posted_before_wait_for_no_record(self, till, noon):
        card = card_with()
        till.upload(card.sale(till, 20_000))
        batches.post_waiting(limit=20, at=noon)

        ask(till, card, card.sale(till, 1_000))

        assert reserve_of(card) == CAP

    def test_negative_control_without_the_room_on_top_the_reserve_falls_short(self, till, noon):
        card = card_with(balance=CAP + 100_000)
        unsent = card.sale(till, 35_000)
        ask(till, card, card.sale(till, 1_000))
        Credential.objects.update(reserve_minor=CAP, unsent_minor=0)
        Account.objects.update(offline_reserve_minor=CAP)

        till.upload(unsent)
        batches.post_waiting(limit=20, at=noon)

        assert reserve_of(card) == CAP - 35_000  # yet the phone may still spend CAP


@pytest.mark.django_db(transaction=True)
class TestTwoTapsAtOnce:
    """The same money asked for twice, with both requests past the read of the account."""

    def spent(self, till, monkeypatch, *, cards=2):
        meeting, asked = Barrier(cards), authorise.asked

        def meet(answers):
            with suppress(BrokenBarrierError):  # the other waits for our lock, as it should
                meeting.wait(timeout=1)
            return asked(answers)

        monkeypatch.setattr(authorise, "asked", meet)
        card = card_with(balance=CAP + OVER_CAP)
        records = [card.sale(till, OVER_CAP, **FIRST) for _ in range(cards)]
        answers = at_once(*[lambda each=each: ask(till, card, each) for each in records])
        return sorted(answer.state for answer in answers), account_of(card)

    def test_spend_it_once(self, till, monkeypatch):
        states, account = self.spent(till, monkeypatch)

        assert states == ["APPROVED", "DECLINED"]
        assert account.available_minor == 0
        assert ledger.check() == []

    @pytest.fixture
    def unlocked(self, monkeypatch):
        monkeypatch.setattr(
            "django.db.models.query.QuerySet.select_for_update", lambda rows, **_: rows
        )
        for name, lock in (("_CARD", "FOR SHARE OF c"), ("_ACCOUNT", "FOR NO KEY UPDATE")):
            monkeypatch.setattr(authorise, name, getattr(authorise, name).replace(lock, ""))

    def test_without_row_locks_the_database_refuses_the_second(self, till, monkeypatch, unlocked):
        states, account = self.spent(till, monkeypatch)

        assert states == ["APPROVED", "DECLINED"]  # asked once more, it sees what was taken
        assert account.available_minor == 0
        assert ledger.check() == []

    def test_negative_control_without_both_nets_it_is_spent_twice(
        self, till, monkeypatch, unlocked
    ):
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE issuers_account DROP CONSTRAINT account_available_not_negative"
            )
        try:
            states, account = self.spent(till, monkeypatch)
            found = ledger.check()
        finally:
            Account.objects.update(balance_minor=10 * CAP)
            with connection.cursor() as cursor:
                cursor.execute(NET)

        assert states == ["APPROVED", "APPROVED"]
        assert account.available_minor == -OVER_CAP
        assert found
