"""A machine says what it paid out: that posts, once, and the rest is free again (protocol §7)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from config.audit import SYSTEM
from config.models import Audit, Event
from issuers.models import Hold
from merchants.models import Merchant
from settlement.models import Payment, Preapproval, Redemption, ReversedRequest, Transfer
from settlement.rules.redeeming import Report
from settlement.services import ledger, preapprovals, redemptions
from settlement.services.payments import reverse
from tests.factories import preapprovals as made
from tests.factories.merchants import AgreementFactory
from tests.preapprovals.test_redeeming import refused

pytestmark = pytest.mark.django_db
FIVE_MINUTES = timedelta(seconds=300)
KEY = "a-key-of-the-machine"


@pytest.fixture
def word(payer, noon):
    return made.approved(payer, at=noon)


@pytest.fixture
def taken(word, atm, noon):
    return atm.takes(word, at=noon, key=KEY)


class TestAnItem:
    @pytest.fixture
    def handed(self, payer, atm, noon):
        word = made.approved(payer, at=noon, kind="GIFT")
        return atm.takes(word, at=noon, kind="GIFT")

    def test_comes_out_whole_or_not(self, atm, handed, noon):
        assert refused(atm.reports, handed, "PARTIAL", at=noon, dispensed_minor=4_000) == (
            "dispensed_invalid"
        )
        assert atm.reports(handed, at=noon).dispensed_minor == handed.amount_minor

    def test_is_sold_whole_by_the_database_too(self, atm, handed, noon):
        atm.reports(handed, at=noon)
        part = {"dispensed_minor": handed.amount_minor - 1}
        with pytest.raises(IntegrityError, match="redemption_item_whole"), transaction.atomic():
            Redemption.objects.update(**part)


class TestTheJournal:
    @pytest.mark.parametrize("outcome", ["FULL", "UNKNOWN"])
    @pytest.mark.parametrize("gap", ["", " ", "-"])
    def test_is_kept_without_the_number(self, atm, word, taken, noon, outcome, gap):
        printed = gap.join(word.number[at : at + 4] for at in (0, 4, 8))
        atm.reports(taken, outcome, at=noon, journal=f"00042 {printed} 5 x 2000")
        assert Redemption.objects.get().journal == "00042 [number] 5 x 2000"

    def test_keeps_any_other_twelve_digits(self, atm, taken, noon):
        atm.reports(taken, "UNKNOWN", at=noon, journal="trace 202611301200")
        assert Redemption.objects.get().journal == "trace 202611301200"


class TestInFull:
    def test_becomes_one_payment_of_the_machines_merchant(self, payer, atm, taken, noon):
        balance, available = payer.account.balance_minor, payer.account.available_minor
        done = atm.reports(taken, at=noon, journal="5 x 2000")
        payment = Payment.objects.get()
        assert (done.state, done.dispensed_minor, done.payment_id) == (
            "COMPLETED",
            10_000,
            payment.pk,
        )
        assert (payment.channel, payment.state) == ("PREAPPROVAL", "APPROVED")
        assert (payment.amount_minor, payment.device) == (10_000, atm.device)
        assert payment.approval_code
        after = payer.account
        assert (after.held_minor, after.available_minor) == (0, available)
        assert balance - after.balance_minor == 10_000
        assert ledger.check() == []

    def test_5_13_repeated_posts_once(self, atm, taken, noon):
        told = [atm.reports(taken, at=noon) for _ in range(3)]
        assert {each.state for each in told} == {"COMPLETED"}
        assert Transfer.objects.filter(code="ONLINE_SALE").count() == 1

    def test_otherwise_after_that_is_refused(self, atm, taken, noon):
        atm.reports(taken, at=noon)
        assert refused(atm.reports, taken, "NONE", at=noon) == "redemption_final"
        assert refused(atm.reports, taken, "UNKNOWN", at=noon) == "redemption_final"

    def test_pays_the_merchant_less_its_fee(self, atm, taken, noon):
        AgreementFactory(merchant=Merchant.objects.get(), online_fee_minor=100)
        atm.reports(taken, at=noon)
        assert Payment.objects.get().fee_minor == 100

    def test_is_told_once_to_the_merchant_and_to_the_customer(self, payer, atm, taken, noon):
        atm.reports(taken, at=noon)
        of_merchant = Event.objects.filter(scope=atm.merchant.reference)
        assert [each.type for each in of_merchant] == ["payment.approved"]
        mine = Event.objects.filter(scope=payer.phone.owner).order_by("pk")
        assert [each.type for each in mine] == [
            *("preapproval.approved", "preapproval.in_progress", "preapproval.completed")
        ]

    def test_is_posted_though_the_card_was_blocked_meanwhile(self, payer, atm, taken, noon):
        payer.held.card.transition("BLOCKED")
        assert atm.reports(taken, at=noon).state == "COMPLETED"

    def test_is_reversed_as_any_payment(self, payer, atm, taken, noon):
        before = payer.account.balance_minor
        atm.reports(taken, at=noon)
        name = Payment.objects.get().reference
        reverse(reference=name, reason="notes came back", actor=SYSTEM, at=noon)
        assert payer.account.balance_minor == before
        assert ledger.check() == []

    def test_cannot_pay_another_amount_in_the_database(self, atm, taken, noon):
        atm.reports(taken, at=noon)
        with pytest.raises(IntegrityError, match="paid something else"), transaction.atomic():
            say_less_was_dispensed()


class TestOtherwise:
    def test_5_10_a_part_posts_what_was_dispensed(self, payer, atm, taken, noon):
        before = payer.account.balance_minor
        done = atm.reports(taken, "PARTIAL", dispensed_minor=6_000, at=noon)
        assert (done.state, done.dispensed_minor) == ("COMPLETED", 6_000)
        assert before - payer.account.balance_minor == 6_000
        assert (Hold.objects.get().state, payer.account.held_minor) == ("CAPTURED", 0)
        assert ledger.check() == []

    def test_5_10_nothing_gives_all_back(self, payer, atm, word, taken, noon):
        done = atm.reports(taken, "NONE", at=noon)
        assert (done.state, made.state_of(word)) == ("REVERSED", "REVERSED")
        assert payer.account.held_minor == 0
        assert refused(atm.takes, word, at=noon) == "number_used"

    def test_nothing_for_want_of_notes_gives_the_number_back(self, payer, atm, word, taken, noon):
        atm.reports(taken, "NONE", journal="note_mix", at=noon)
        assert (made.state_of(word), payer.account.held_minor) == ("APPROVED", 10_000)
        again = atm.takes(word, at=noon)
        assert atm.reports(again, at=noon).state == "COMPLETED"
        assert refused(atm.reports, taken, at=noon) == "redemption_final"
        assert ledger.check() == []

    def test_but_not_beyond_its_time(self, payer, atm, word, taken, noon):
        late = noon + timedelta(seconds=1_800)
        atm.reports(taken, "NONE", journal="note_mix", at=late)
        assert (made.state_of(word), payer.account.held_minor) == ("EXPIRED", 0)
        assert refused(atm.takes, word, at=late) == "number_expired"

    @pytest.mark.parametrize(
        ("outcome", "said"),
        [("FULL", 9_999), ("PARTIAL", None), ("PARTIAL", 0), ("PARTIAL", 10_000), ("NONE", 1)],
    )
    def test_a_report_that_contradicts_itself_is_none(self, atm, taken, noon, outcome, said):
        code = refused(atm.reports, taken, outcome, dispensed_minor=said, at=noon)
        assert code == "dispensed_invalid"
        assert Redemption.objects.get().state == "IN_PROGRESS"


class TestSuspense:
    def test_5_10_unknown_waits_and_stays_held(self, payer, atm, word, taken, noon):
        done = atm.reports(taken, "UNKNOWN", journal="power cut", at=noon)
        assert (done.state, made.state_of(word)) == ("SUSPENSE", "SUSPENSE")
        assert payer.account.held_minor == 10_000
        assert refused(atm.takes, word, at=noon) == "number_used"
        assert not Payment.objects.exists()

    def test_a_silent_machine_gets_there_after_five_minutes(self, payer, word, taken, noon):
        early = noon + FIVE_MINUTES - timedelta(seconds=1)
        assert redemptions.suspend_overdue(at=early, limit=9) == 0
        assert redemptions.suspend_overdue(at=noon + FIVE_MINUTES, limit=9) == 1
        assert made.state_of(word) == "SUSPENSE"
        for days in (1, 30):
            preapprovals.expire_due(at=noon + timedelta(days=days), limit=9)
        assert payer.account.held_minor == 10_000

    @pytest.mark.parametrize("outcome", ["FULL", "NONE"])
    def test_a_late_report_is_still_taken(self, payer, atm, word, taken, noon, outcome):
        later = noon + timedelta(days=3)
        redemptions.suspend_overdue(at=noon + FIVE_MINUTES, limit=9)
        done = atm.reports(taken, outcome, at=later)
        assert done.state == {"FULL": "COMPLETED", "NONE": "REVERSED"}[outcome]
        assert payer.account.held_minor == 0
        assert ledger.check() == []

    def test_the_desk_decides_by_the_journal(self, payer, atm, taken, noon):
        atm.reports(taken, "UNKNOWN", journal="2 x 2000, jam", at=noon)
        ended = resolve(taken, Report("PARTIAL", 4_000), noon)
        assert (ended.state, ended.dispensed_minor) == ("COMPLETED", 4_000)
        assert (ended.journal, ended.resolution) == ("2 x 2000, jam", "as the journal says")
        assert Audit.objects.latest("pk").action == "redemption.resolve"
        assert ledger.check() == []

    def test_the_desk_says_why_and_decides_once(self, atm, taken, noon):
        assert refused(resolve, taken, Report("NONE"), noon) == "not_in_suspense"
        atm.reports(taken, "UNKNOWN", at=noon)
        assert refused(resolve, taken, Report("NONE"), noon, reason=" ") == "words_missing"
        assert refused(resolve, taken, Report("UNKNOWN"), noon) == "dispensed_invalid"
        resolve(taken, Report("NONE"), noon)
        assert refused(resolve, taken, Report("NONE"), noon) == "not_in_suspense"
        assert refused(atm.reports, taken, "FULL", at=noon) == "redemption_final"
        assert atm.reports(taken, "NONE", at=noon).state == "REVERSED"


class TestTheReversal:
    def test_that_comes_before_its_request_blocks_it_for_ever(self, payer, atm, word, noon):
        for _ in range(2):
            assert redemptions.reverse_request(device=atm.device, key=KEY, at=noon) is None
        assert refused(atm.takes, word, at=noon, key=KEY) == "redemption_reversed"
        assert made.state_of(word) == "APPROVED"
        assert atm.takes(word, at=noon, key="another-key-of-it").state == "IN_PROGRESS"

    def test_of_a_request_that_came_restores_the_hold_once(self, payer, atm, taken, noon):
        before = payer.account.available_minor + 10_000
        for _ in range(2):
            back = redemptions.reverse_request(device=atm.device, key=KEY, at=noon)
            assert (back.reference, back.state) == (taken.reference, "REVERSED")
            assert payer.account.available_minor == before
        assert refused(atm.reports, taken, at=noon) == "redemption_final"
        assert not ReversedRequest.objects.exists()
        assert ledger.check() == []

    def test_takes_nothing_back_that_was_paid_out(self, atm, taken, noon):
        atm.reports(taken, at=noon)
        code = refused(redemptions.reverse_request, device=atm.device, key=KEY, at=noon)
        assert code == "redemption_final"

    def test_takes_nothing_back_that_nobody_knows(self, payer, atm, taken, noon):
        held = payer.account.held_minor
        atm.reports(taken, "UNKNOWN", at=noon, journal="power cut")
        code = refused(redemptions.reverse_request, device=atm.device, key=KEY, at=noon)
        assert (code, payer.account.held_minor) == ("redemption_final", held)
        assert Redemption.objects.get().state == "SUSPENSE"

    def test_takes_back_what_a_silent_machine_never_heard(self, payer, atm, taken, noon):
        redemptions.suspend_overdue(at=noon + FIVE_MINUTES, limit=10)
        redemptions.reverse_request(device=atm.device, key=KEY, at=noon + FIVE_MINUTES)
        assert Redemption.objects.get().state == "REVERSED"
        assert payer.account.held_minor == 0

    def test_of_another_machine_is_another(self, payer, taken, noon):
        assert redemptions.reverse_request(device=made.atm().device, key=KEY, at=noon) is None
        assert Preapproval.objects.get().state == "IN_PROGRESS"


def say_less_was_dispensed():
    Redemption.objects.update(dispensed_minor=9_999)
    connection.check_constraints()


def resolve(taken, report, at, *, reason="as the journal says"):
    return made.decided(taken, report, at=at, evidence=reason)
