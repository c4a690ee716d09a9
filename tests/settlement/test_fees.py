"""Fees in exact integers, by the agreement in force at the time that counts (mission 1.16)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.models import Payment
from settlement.rules import liability
from settlement.rules.facts import Counted
from settlement.rules.fees import Terms, fee_of, in_force
from settlement.services import batches, online
from tests.factories import settlement as factory
from tests.factories.merchants import AgreementFactory

WON = Terms(1000, "KRW", 100, 20, 80)
LATER = Terms(2000, "KRW", 300, 0, 0)


@pytest.mark.parametrize(
    ("amount", "online", "fee"),
    [(10_000, True, 180), (10_000, False, 100), (12_345, False, 118), (1, False, 20)],
)
def test_the_worked_table(amount, online, fee):
    asked = {"amount_minor": amount, "currency": "KRW", "at": 1500, "online": online}
    assert fee_of([WON], **asked) == fee


@pytest.mark.parametrize(
    ("at", "found"), [(999, None), (1000, WON), (1999, WON), (2000, LATER), (10**9, LATER)]
)
def test_what_is_in_force_begins_on_its_moment(at, found):
    assert in_force([LATER, WON], at=at) == found


def test_a_payment_in_another_currency_pays_the_share_alone():
    assert fee_of([WON], amount_minor=10_000, currency="USD", at=1500, online=True) == 80


def test_without_an_agreement_there_is_no_fee():
    assert fee_of([], amount_minor=10_000, currency="KRW", at=1500, online=True) == 0


@given(
    amount=st.integers(min_value=1, max_value=10**15 - 1),
    bps=st.integers(min_value=0, max_value=10_000),
)
def test_the_share_is_rounded_down_and_never_above_the_amount(amount, bps):
    terms = Terms(0, "KRW", 0, 0, bps)
    fee = fee_of([terms], amount_minor=amount, currency="KRW", at=0, online=False)
    assert fee * 10_000 <= amount * bps < (fee + 1) * 10_000
    assert fee <= amount


# Leaves money that no offline reserve holds.
CAPS = replace(factory.GENEROUS, cumulative_cap_minor=200_000)


@pytest.mark.django_db
class TestPosted:
    def agreed(self, till, noon):
        AgreementFactory(
            merchant=till.merchant, online_fee_minor=100, offline_fee_minor=20, fee_bps=80
        )
        AgreementFactory(
            merchant=till.merchant,
            effective_from=noon,
            online_fee_minor=500,
            offline_fee_minor=50,
            fee_bps=0,
        )

    def test_a_record_pays_what_was_in_force_at_its_tap(self, till, card, noon):
        self.agreed(till, noon)
        before, after = noon - timedelta(seconds=1), noon
        till.upload(card.sale(till, 10_000, at=before), card.sale(till, 10_000, at=after))
        batches.post_waiting(limit=20, at=noon + timedelta(hours=1))

        fees = Payment.objects.order_by("pk").values_list("fee_minor", "decided_at")
        assert list(fees) == [(100, None), (50, None)]

    def test_an_approval_online_pays_its_own_fee_and_keeps_when_it_was_decided(self, till, noon):
        self.agreed(till, noon)
        card = factory.card_on_phone(of=factory.programme(caps=CAPS))
        ticks = iter([7.0, 7.25])
        record = card.sale(till, 10_000, at=noon - timedelta(seconds=2))

        answer = online.authorise(
            device=till.device,
            record=record,
            certificate=bytes(card.credential.certificate),
            at=noon,
            clock=lambda: next(ticks),
        )

        assert (answer.state, answer.decline_reason) == ("APPROVED", "")
        payment = Payment.objects.get()
        assert payment.fee_minor == 100 + 80
        assert payment.decided_at == noon + timedelta(milliseconds=250)

    def test_a_record_backdated_behind_the_batch_before_pays_what_is_in_force_now(
        self, till, card, noon
    ):
        self.agreed(till, noon)
        till.now = noon
        till.upload(factory.card_on_phone().sale(till))
        till.upload(card.sale(till, 10_000, at=noon - timedelta(hours=1)))
        batches.post_waiting(limit=20, at=noon + timedelta(hours=1))

        assert Payment.objects.get(card=card.card).fee_minor == 50

    def test_control_by_the_records_own_time_it_is_the_cheaper_one(
        self, till, card, noon, monkeypatch
    ):
        self.agreed(till, noon)
        monkeypatch.setattr(
            liability, "counted_at", lambda genuine, _history: Counted(genuine.record.at, "")
        )
        till.upload(factory.card_on_phone().sale(till))
        till.upload(card.sale(till, 10_000, at=noon - timedelta(hours=1)))
        batches.post_waiting(limit=20, at=noon + timedelta(hours=1))

        assert Payment.objects.get(card=card.card).fee_minor == 100

    @pytest.mark.parametrize(
        ("asked_s", "back_s", "fee"),
        [(0, 2, 180), (119, 120, 180), (119, 3600, 180), (120, 3600, 500)],
    )
    def test_a_tap_asked_online_is_hardly_older_than_the_question(
        self, till, noon, asked_s, back_s, fee
    ):
        self.agreed(till, noon)
        at = noon + timedelta(seconds=asked_s)
        card = factory.card_on_phone(of=factory.programme(caps=CAPS))
        record = card.sale(till, 10_000, at=at - timedelta(seconds=back_s))

        online.authorise(
            device=till.device,
            record=record,
            certificate=bytes(card.credential.certificate),
            at=at,
        )

        assert Payment.objects.get().fee_minor == fee

    def test_a_decline_leaves_nothing(self, till, noon):
        poor = factory.card_on_phone(of=factory.programme(caps=CAPS), balance=1)

        answer = online.authorise(
            device=till.device,
            record=poor.sale(till, 60_000),
            certificate=bytes(poor.credential.certificate),
            at=noon,
        )

        assert answer.state == "DECLINED"
        assert not Payment.objects.exists()
