"""A machine presents a number: what it must fit, and what is looked at again (protocol §7)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from benefits.models import WrongNumber
from benefits.services.lookups import LookupLocked
from config.models import Alert, Device, Event
from config.wire import luhn
from issuers.models import Account, Card, Programme
from settlement.models import Preapproval, Redemption, RedemptionTry
from settlement.services import preapprovals, redemptions
from settlement.services.redemptions import Asked, refusals
from tests.factories import preapprovals as made
from tests.factories.benefits import plan_of

pytestmark = pytest.mark.django_db
UNKNOWN_NUMBER = "111111111113"


def refused(act, *args, **more):
    """Return the code of the refusal."""
    with pytest.raises(refusals.Refused) as told:
        act(*args, **more)
    return told.value.code


class TestANumber:
    @pytest.mark.parametrize("kind", ["CASH", "GIFT", "LOTTERY"])
    def test_5_04_is_all_a_machine_needs(self, payer, atm, noon, kind):
        word = made.approved(payer, at=noon, kind=kind)
        taken = atm.takes(word, at=noon)
        assert (taken.state, taken.amount_minor, taken.currency) == ("IN_PROGRESS", 10_000, "KRW")
        assert made.state_of(word) == "IN_PROGRESS"

    def test_5_05_is_scanned_or_typed(self, payer, atm, noon):
        for form in ("A1.{0}", "{0}", "{1}-{2}-{3}", " {1} {2} {3} "):
            word = made.approved(payer, at=noon)
            number = word.number
            typed = form.format(number, number[:4], number[4:8], number[8:])
            assert atm.takes(word, at=noon, number=typed).state == "IN_PROGRESS"

    def test_of_another_kind_is_none_and_counts_nowhere(self, payer, atm, noon):
        word = made.approved(payer, at=noon)
        tsn = plan_of(payer.phone, at=noon).tsn
        wrong_digit = word.number[:-1] + str((int(word.number[-1]) + 1) % 10)
        for text in ("", "7", tsn, f"S1.{tsn}", wrong_digit):
            assert refused(atm.takes, word, at=noon, number=text) == "number_malformed"
        assert not WrongNumber.objects.exists()

    def test_5_07_expired_cancelled_used_and_unknown_are_four_words(self, payer, atm, noon):
        over = made.approved(payer, at=noon, valid_s=1)
        gone = made.approved(payer, at=noon)
        preapprovals.cancel(device=payer.phone, reference=gone.preapproval.reference, at=noon)
        used = made.approved(payer, at=noon)
        atm.reports(atm.takes(used, at=noon), at=noon)
        later = noon + timedelta(seconds=1)
        told = [refused(atm.takes, word, at=later) for word in (over, gone, used)]
        told.append(refused(atm.takes, used, at=later, number=UNKNOWN_NUMBER))
        assert told == ["number_expired", "number_cancelled", "number_used", "number_unknown"]
        assert Redemption.objects.count() == 1

    def test_ends_at_the_second(self, payer, atm, noon):
        word = made.approved(payer, at=noon, valid_s=60)
        assert refused(atm.takes, word, at=noon + timedelta(seconds=60)) == "number_expired"
        assert made.state_of(word) == "EXPIRED"
        word = made.approved(payer, at=noon, valid_s=60)
        assert atm.takes(word, at=noon + timedelta(seconds=59)).state == "IN_PROGRESS"

    def test_taken_in_time_may_finish_later(self, payer, atm, noon):
        word = made.approved(payer, at=noon, valid_s=60)
        taken = atm.takes(word, at=noon + timedelta(seconds=59))
        later = noon + timedelta(seconds=200)
        assert preapprovals.expire_due(at=later, limit=9) == 0
        assert atm.reports(taken, at=later).state == "COMPLETED"


class TestAWrongNumber:
    def test_locks_the_terminal_after_ten(self, payer, atm, noon):
        word = made.approved(payer, at=noon)
        wrong = [refused(atm.takes, word, at=noon, number=UNKNOWN_NUMBER) for _ in range(10)]
        assert wrong == ["number_unknown"] * 10
        with pytest.raises(LookupLocked) as told:
            atm.takes(word, at=noon)
        assert told.value.extra["retry_after_s"] == 1_800

    def test_is_counted_with_those_of_plans(self, payer, till, noon):
        word = made.approved(payer, at=noon, kind="GIFT")
        for _ in range(10):
            WrongNumber.objects.create(device=till.device, at=noon)
        assert refused(till.takes, word, at=noon) == "lookup_locked"


class TestABadTry:
    def test_5_08_leaves_the_number_good_at_the_right_place(self, payer, atm, noon):
        here = made.bound(terminal=atm.device.reference)
        word = made.approved(payer, at=noon, bound=here)
        told = [
            refused(made.atm().takes, word, at=noon),
            refused(atm.takes, word, at=noon, amount_minor=9_999),
            refused(atm.takes, word, at=noon, amount_minor=10_001),
            refused(atm.takes, word, at=noon, currency="USD"),
            refused(atm.takes, word, at=noon, pickup_code="0000"),
            refused(atm.takes, word, at=noon, kind="GIFT"),
        ]
        assert told == [
            *("wrong_terminal", "amount_mismatch", "amount_mismatch", "amount_mismatch"),
            *("pickup_code_invalid", "wrong_kind"),
        ]
        assert refused(atm.takes, word, at=noon) == "number_unknown"  # five of them were here
        assert made.state_of(word) == "APPROVED"
        assert not WrongNumber.objects.exists()

    @pytest.mark.parametrize("where", ["kind", "merchant", "terminal"])
    def test_at_the_wrong_place_is_told_from_the_right_one(self, payer, till, atm, noon, where):
        right = {
            "kind": "TERMINAL",
            "merchant": till.merchant.reference,
            "terminal": till.device.reference,
        }
        word = made.approved(payer, at=noon, kind="GIFT", bound=made.bound(**{where: right[where]}))
        assert refused(atm.takes, word, at=noon) == "wrong_terminal"
        assert till.takes(word, at=noon).state == "IN_PROGRESS"

    def test_five_at_one_terminal_end_it_there_alone(self, payer, atm, noon):
        word = made.approved(payer, at=noon)
        for _ in range(5):
            assert refused(atm.takes, word, at=noon, pickup_code="0000") == "pickup_code_invalid"
        assert refused(atm.takes, word, at=noon) == "number_unknown"
        assert made.atm().takes(word, at=noon).state == "IN_PROGRESS"

    def test_ten_in_all_cancel_it(self, payer, atm, noon):
        before = payer.account.available_minor
        word, other = made.approved(payer, at=noon), made.atm()
        for machine in [atm, other] * 5:
            refused(machine.takes, word, at=noon, pickup_code="0000")
        ended = Preapproval.objects.get()
        assert (ended.state, ended.ending) == ("CANCELLED", "TRIES")
        assert payer.account.available_minor == before
        assert refused(made.atm().takes, word, at=noon) == "number_cancelled"
        assert refused(atm.takes, word, at=noon) == "number_unknown"

    def test_without_any_code_is_none(self, payer, atm, noon):
        word = made.approved(payer, at=noon)
        for _ in range(11):
            assert refused(atm.takes, word, at=noon, pickup_code="") == "pickup_code_invalid"
        assert not RedemptionTry.objects.exists()

    def test_is_told_to_the_holder_and_three_wrong_places_to_the_issuer(self, payer, noon):
        where = made.bound(terminal=made.atm().device.reference)
        word = made.approved(payer, at=noon, bound=where)
        for count in range(3):
            assert Alert.objects.count() == 0, count
            refused(made.atm().takes, word, at=noon)
        assert Alert.objects.get().tenant == word.preapproval.card.issuer.reference
        assert Event.objects.filter(type="preapproval.tried").count() == 3


class TestAPart:
    def test_is_paid_where_the_customer_wanted_it(self, payer, atm, noon):
        before = payer.account.available_minor
        word = made.approved(payer, at=noon, partial=True)
        taken = atm.takes(word, at=noon, amount_minor=4_000)
        assert atm.reports(taken, at=noon).dispensed_minor == 4_000
        assert payer.account.available_minor == before - 4_000

    def test_is_never_more(self, payer, atm, noon):
        word = made.approved(payer, at=noon, partial=True)
        assert refused(atm.takes, word, at=noon, amount_minor=10_001) == "amount_mismatch"


class TestAMachine:
    def test_that_is_no_atm_gives_no_cash(self, payer, till, noon):
        word = made.approved(payer, at=noon)
        assert refused(till.takes, word, at=noon) == "wrong_kind"
        assert not RedemptionTry.objects.exists()

    def test_that_is_no_atm_gets_into_no_row(self, payer, atm, till, noon):
        taken = atm.takes(made.approved(payer, at=noon), at=noon)
        taken.pk, taken.reference, taken.device = None, "RDM-X", till.device
        with pytest.raises(IntegrityError, match="does not fit"), transaction.atomic():
            taken.save(force_insert=True)

    def test_keeps_its_redemption_to_itself(self, payer, atm, noon):
        taken = atm.takes(made.approved(payer, at=noon), at=noon)
        assert refused(made.atm().reports, taken, at=noon) == "not_found"
        assert (
            redemptions.seen_by_terminal(device=atm.device, reference=taken.reference).state
            == "IN_PROGRESS"
        )


class TestWhatIsLookedAtAgain:
    def ends(self, payer, atm, noon, stop):
        before = payer.account.available_minor
        word = made.approved(payer, at=noon)
        stop()
        told = [refused(atm.takes, word, at=noon) for _ in range(2)]
        assert told[0] == told[1]
        assert made.state_of(word) == "CANCELLED"
        assert payer.account.available_minor == before
        return told[0]

    def test_5_12_the_card(self, payer, atm, noon):
        def block():
            Card.objects.update(frozen_by_owner_at=noon)

        assert self.ends(payer, atm, noon, block) == "card_blocked"

    def test_the_account(self, payer, atm, noon):
        def close():
            Account.objects.update(state="CLOSED")

        assert self.ends(payer, atm, noon, close) == "account_closed"

    def test_the_phone(self, payer, atm, noon):
        def revoke():
            Device.objects.filter(pk=payer.phone.pk).update(state="REVOKED", revoked_at=noon)

        assert self.ends(payer, atm, noon, revoke) == "device_revoked"

    @pytest.mark.parametrize(
        "terms",
        [{"daily_count_max": 0}, {"daily_sum_max_minor": 9_999}, {"cash_allowed": False}],
    )
    def test_the_programmes_limits(self, payer, atm, noon, terms):
        assert self.ends(payer, atm, noon, lambda: made.policy(payer, **terms)) == "limit_exceeded"

    def test_the_cap_of_a_payment(self, payer, atm, noon):
        def lower():
            Programme.objects.update(per_payment_online_cap_minor=9_999)

        assert self.ends(payer, atm, noon, lower) == "limit_exceeded"

    def test_of_two_within_a_lowered_limit_the_first_stays_good(self, payer, atm, noon):
        first, second = (made.approved(payer, at=noon) for _ in range(2))
        made.policy(payer, daily_sum_max_minor=10_000)
        assert refused(atm.takes, second, at=noon) == "limit_exceeded"
        assert atm.takes(first, at=noon).state == "IN_PROGRESS"


def test_the_unknown_number_of_these_tests_is_well_formed():
    assert luhn.check_digit(UNKNOWN_NUMBER[:-1]) == UNKNOWN_NUMBER[-1]
    assert Asked(UNKNOWN_NUMBER, "CASH").key == ""
