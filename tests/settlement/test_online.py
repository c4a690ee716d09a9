"""A tap approved online (protocol §5): acceptance 1.03 and 1.04 from the portal's side."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from config.models import Event
from config.wire import cbor
from config.wire.keys import SigningKey
from issuers.models import Account, Authorisation, Card, Credential, OtaCommand, Programme
from issuers.services import blacklist
from issuers.services.profiles import Caps
from settlement.models import AtcSeen, MerchantDay, Payment, Transfer
from settlement.services import batches, ledger, online
from tests.factories import settlement as factory
from tests.factories.merchants import SYSTEM
from wallets.wire import RecordKind

pytestmark = pytest.mark.django_db

CAPS = Caps(
    per_payment_cap_minor=50_000,
    lower_uses=2,
    upper_uses=4,
    cumulative_cap_minor=200_000,
    contact_days=4,
    unverified_cap_minor=50_000,
)
OVER_CAP = 50_001
FIRST = {"uses": 1, "cumulative": OVER_CAP}  # what the phone counts after a reset


def card_with(balance=1_000_000, **options):
    return factory.card_on_phone(of=factory.programme(caps=CAPS), balance=balance, **options)


@pytest.fixture
def card(db):
    return card_with()


def ask(till, card, record, *, at=None, certificate=None):
    held = Credential.objects.get(pk=card.credential.pk)
    return online.authorise(
        device=till.device,
        record=record,
        certificate=bytes(held.certificate) if certificate is None else certificate,
        at=at or till.now,
    )


def tap(till, card, amount=OVER_CAP, **options):
    return ask(till, card, card.sale(till, amount, **options))


def account_of(card):
    return Account.objects.get(pk=card.card.account_id)


def test_1_03_one_over_the_cap_is_approved_online_and_posted_at_once(till, card):
    before = account_of(card)

    answer = tap(till, card)

    assert (answer.state, answer.decline_reason) == ("APPROVED", "")
    assert len(answer.approval_code) == 6
    assert not answer.approval_code.startswith("O")
    after = account_of(card)
    assert after.balance_minor == before.balance_minor - OVER_CAP
    assert after.offline_reserve_minor == before.offline_reserve_minor == 200_000
    payment = Payment.objects.get()
    assert (payment.channel, payment.state, payment.bearer) == ("OFFLINE", "APPROVED", "CARDHOLDER")
    assert payment.approval_code == answer.approval_code
    day = MerchantDay.objects.get()
    assert (day.merchant, day.sales, day.sales_minor) == (till.merchant, 1, OVER_CAP)
    assert list(Event.objects.values_list("type", "subject")) == [
        ("payment.approved", payment.reference)
    ]
    assert ledger.check() == []


def test_1_03_one_over_the_cap_is_declined_without_the_money(till):
    card = card_with(balance=200_000 + OVER_CAP - 1)

    answer = tap(till, card)

    assert (answer.state, answer.decline_reason) == ("DECLINED", "insufficient_funds")
    assert account_of(card).balance_minor == 200_000 + OVER_CAP - 1
    assert not Payment.objects.exists()
    assert not AtcSeen.objects.exists()
    assert not Event.objects.exists()
    assert ledger.check() == []


def test_the_last_of_what_is_available_is_approved(till):
    card = card_with(balance=200_000 + OVER_CAP)

    assert tap(till, card).state == "APPROVED"
    assert account_of(card).available_minor == 0


def test_1_04_an_approval_past_the_lower_uses_resets_the_phones_counters(till, card):
    for _ in range(2):
        card.sale(till, 1000)

    assert tap(till, card, 1000).state == "APPROVED"

    command = OtaCommand.objects.get()
    assert (command.action, command.device) == (OtaCommand.Action.RESET, card.phone)


def test_1_04_a_reset_still_on_the_way_is_not_taken_off_twice(till, card):
    tap(till, card, 1000)

    tap(till, card, 1000)  # the phone has not applied the first reset: it counts both taps

    bodies = [cbor.decode(bytes(one.body)) for one in OtaCommand.objects.order_by("version")]
    assert [(body[2], body[3]) for body in bodies] == [(1, 1000), (1, 1000)]
    assert (card.uses, card.cumulative) == (2, 2000)


def blocked(card, till):
    blacklist.block(card=card.card, reason="LOST", at=till.now, actor=SYSTEM)


def frozen(card, till):
    Card.objects.filter(pk=card.card.pk).update(frozen_by_owner_at=till.now)


def closed_account(card, _till):
    Account.objects.filter(pk=card.card.account_id).update(state="CLOSED")


def capped_programme(card, _till):
    Programme.objects.update(per_payment_online_cap_minor=OVER_CAP - 1)


def capped_card(card, _till):
    Programme.objects.update(per_payment_online_cap_minor=OVER_CAP)
    Card.objects.filter(pk=card.card.pk).update(per_payment_online_cap_minor=OVER_CAP - 1)


def no_velocity(card, _till):
    Programme.objects.update(velocity_count=0)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (blocked, "card_blocked"),
        (frozen, "card_blocked"),
        (closed_account, "issuer_refused"),
        (capped_programme, "limit_exceeded"),
        (capped_card, "limit_exceeded"),
        (no_velocity, "velocity"),
    ],
)
def test_the_issuer_says_no(till, card, spoil, reason):
    spoil(card, till)

    answer = tap(till, card)

    assert (answer.state, answer.decline_reason) == ("DECLINED", reason)
    assert not Payment.objects.exists()
    assert account_of(card).balance_minor == 1_000_000


def test_a_tap_after_the_certificates_end_is_the_issuers_no(card, noon):
    later = factory.till(now=card.credential.expires_at)

    assert tap(later, card).decline_reason == "issuer_refused"


def test_a_foreign_currency_is_the_issuers_no(till, card):
    assert tap(till, card, currency="USD").decline_reason == "issuer_refused"


def test_caps_are_inclusive(till, card):
    Programme.objects.update(per_payment_online_cap_minor=OVER_CAP)

    assert tap(till, card).state == "APPROVED"


def test_velocity_counts_the_approvals_within_its_window(till, card):
    Programme.objects.update(velocity_count=2, velocity_window_s=600)
    reasons = [tap(till, card, 1000).decline_reason for _ in range(3)]
    card_later = replace(till, now=till.now + timedelta(seconds=600))

    assert reasons == ["", "", "velocity"]
    assert tap(card_later, card, 1000).state == "APPROVED"


class TestTheSameTap:
    def test_hears_the_same_yes_and_moves_nothing(self, till, card):
        record = card.sale(till, OVER_CAP)
        first = ask(till, card, record)

        assert ask(till, card, record, at=till.now + timedelta(minutes=3)) == first
        assert Payment.objects.count() == Transfer.objects.filter(code="OFFLINE_SALE").count() == 1

    def test_hears_the_same_no_though_money_came_meanwhile(self, till):
        card = card_with(balance=200_000)
        record = card.sale(till, OVER_CAP)
        first = ask(till, card, record)
        Account.objects.filter(pk=card.card.account_id).update(limit_minor=1_000_000)

        assert ask(till, card, record) == first
        assert Authorisation.objects.get().decline_reason == "insufficient_funds"
        assert tap(till, card).state == "APPROVED"  # the next one is asked anew

    def test_posts_nothing_when_a_batch_brings_it(self, till, card, noon):
        record = card.sale(till, 40_000)
        ask(till, card, record)
        till.upload(record)

        batches.post_waiting(limit=20, at=noon)

        assert till.result() == [("POSTED", "already_posted")]
        assert Payment.objects.count() == 1
        assert account_of(card).balance_minor == 960_000
        assert ledger.check() == []

    def test_posted_by_a_batch_before_hears_that_payments_code(self, till, card, noon):
        record = card.sale(till, 40_000)
        till.upload(record)
        batches.post_waiting(limit=20, at=noon)

        answer = ask(till, card, record)

        assert answer.approval_code == Payment.objects.get().approval_code
        assert account_of(card).balance_minor == 960_000


class TestATapWhoseSaleWasVoided:
    """Goods were given back: the tap must not fetch them a second time."""

    @pytest.fixture
    def voided(self, till, card, noon):
        record = card.sale(till, 40_000)
        ask(till, card, record)
        till.upload(card.void(till, 40_000, 1))
        batches.post_waiting(limit=20, at=noon)
        return record

    def test_is_refused(self, till, card, voided):
        with pytest.raises(online.TapRefused) as refusal:
            ask(till, card, voided)

        assert refusal.value.code == "sale_voided"
        assert Payment.objects.get().state == "REVERSED"
        assert account_of(card).balance_minor == 1_000_000

    def test_is_refused_too_where_its_reader_had_approved_it(self, till, card, noon):
        record = card.sale(till, 40_000)
        till.upload(record, card.void(till, 40_000, 1))
        batches.post_waiting(limit=20, at=noon)

        with pytest.raises(online.TapVoided):
            ask(till, card, record)

    def test_control_without_the_look_at_its_state_it_is_approved(
        self, till, card, voided, monkeypatch
    ):
        monkeypatch.setattr(online, "_is_voided", lambda _state: False)

        assert ask(till, card, voided).state == "APPROVED"


def test_another_payload_under_a_used_atc_is_refused(till, card):
    tap(till, card)

    with pytest.raises(online.TapRefused) as refusal:
        tap(till, card, 2000, atc=1)

    assert refusal.value.code == "duplicate_atc"
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": SigningKey.from_secret(7)}, "record_signature"),
        ({"card_token": bytes(16)}, "unknown_card"),
        ({"certificate_serial": bytes(8)}, "certificate_unknown"),
        ({"reader": "RDR-OTHER"}, "wrong_reader"),
        ({"kind": RecordKind.VOID, "voided_atc": 1}, "record_not_a_sale"),
    ],
)
def test_what_is_not_this_cards_sale_is_refused(till, card, changes, code):
    with pytest.raises(online.TapRefused) as refusal:
        tap(till, card, **changes)

    assert refusal.value.code == code
    assert not Authorisation.objects.exists()


def test_odd_bytes_times_and_certificates_are_refused(till, card, noon):
    record = card.sale(till, OVER_CAP)
    refused = []
    for options in (
        {"record": b"x"},
        {"record": record, "certificate": b"x"},
        {"record": record, "at": noon + timedelta(days=9)},
        {"record": record, "at": noon - timedelta(minutes=6)},
    ):
        with pytest.raises(online.TapRefused) as refusal:
            ask(till, card, **options)
        refused.append(refusal.value.code)

    assert refused == ["record_malformed", "certificate_unknown", "too_late", "future_time"]
    assert ask(till, card, record).state == "APPROVED"


def test_a_tap_takes_a_bounded_number_of_statements_whatever_came_before(
    till, card, django_assert_max_num_queries
):
    for _ in range(10):
        tap(till, card, 1000)

    with django_assert_max_num_queries(16):
        assert tap(till, card, 1000).state == "APPROVED"


def at_once(*acts):
    """Do the acts at the same moment over connections of their own; return their answers."""
    barrier = Barrier(len(acts))

    def run(act):
        try:
            barrier.wait(timeout=10)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_eight_times_the_same_tap_is_one_payment(self, till, card):
        record = card.sale(till, OVER_CAP)

        answers = at_once(*[lambda: ask(till, card, record)] * 8)

        assert len({answer.approval_code for answer in answers}) == 1
        assert Payment.objects.count() == 1
        assert account_of(card).balance_minor == 1_000_000 - OVER_CAP
        assert ledger.check() == []

    def test_of_taps_over_the_available_all_but_what_fits_are_declined(self, till):
        card = card_with(balance=200_000 + 2 * OVER_CAP)
        records = [card.sale(till, OVER_CAP, **FIRST) for _ in range(6)]

        answers = at_once(*[lambda each=each: ask(till, card, each) for each in records])

        assert sorted(answer.state for answer in answers) == ["APPROVED"] * 2 + ["DECLINED"] * 4
        assert account_of(card).available_minor >= 0
        assert ledger.check() == []

    def test_a_tap_and_its_batch_are_one_payment(self, till, card, noon):
        record = card.sale(till, 40_000)
        till.upload(record)

        at_once(lambda: ask(till, card, record), lambda: batches.post_waiting(limit=20, at=noon))
        batches.post_waiting(limit=20, at=noon + timedelta(minutes=1))

        assert Payment.objects.count() == 1
        assert account_of(card).balance_minor == 960_000
        assert ledger.check() == []
