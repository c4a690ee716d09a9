"""A customer has an amount approved: the proof, the hold, the number, the limits (mission §5)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from config.audit import SYSTEM
from config.models import Event
from config.refusals import NotFound
from issuers.models import Account, Authorisation, Card, Credential, Debt, Hold
from issuers.services import preapproval_policies
from issuers.services.preapproval_policies import PreapprovalTermsInvalid
from settlement.models import Preapproval
from settlement.services import ledger, preapprovals
from settlement.services.preapprovals import numbers
from tests.factories import preapprovals as made
from wallets.models import Authentication
from wallets.services.authentications import AuthenticationRequired
from wallets.services.pins import DeviceLocked

pytestmark = pytest.mark.django_db


def declined(payer, *, at, **changes):
    return made.approved(payer, at=at, **changes).preapproval.decline_reason


def hold_less_than_approved():
    Hold.objects.update(amount_minor=9_999)
    Preapproval.objects.update(state="IN_PROGRESS")
    connection.check_constraints()


class TestTheProof:
    def test_5_01_is_needed(self, payer, noon):
        with pytest.raises(AuthenticationRequired):
            made.approved(payer, at=noon, authentication="")
        assert not Preapproval.objects.exists()

    def test_serves_once(self, payer, noon):
        wish = made.wish_of(payer, at=noon)
        preapprovals.approve(device=payer.phone, wish=wish, at=noon)
        with pytest.raises(AuthenticationRequired):
            preapprovals.approve(device=payer.phone, wish=wish, at=noon)
        assert Preapproval.objects.count() == 1

    def test_stays_good_where_the_wish_is_refused(self, payer, noon):
        with pytest.raises(preapprovals.PickupCodeRequired):
            made.approved(payer, at=noon, pickup_code="")
        assert Authentication.objects.get().used_at is None

    def test_of_a_phone_locked_meanwhile_is_none(self, payer, noon):
        wish = made.wish_of(payer, at=noon)
        row = payer.phone.phone
        row.authentication_failures, row.locked_at = 5, noon
        row.save()
        with pytest.raises(DeviceLocked):
            preapprovals.approve(device=payer.phone, wish=wish, at=noon)


class TestTheHold:
    def test_5_03_is_what_was_approved(self, payer, noon):
        before = payer.account.available_minor
        word = made.approved(payer, 30_000, at=noon)
        assert word.preapproval.state == "APPROVED"
        assert payer.account.held_minor == 30_000
        assert payer.account.available_minor == before - 30_000
        assert Hold.objects.get().document == word.preapproval.reference
        assert ledger.check() == []

    def test_is_never_more_than_is_available(self, payer, noon):
        most = payer.account.available_minor
        assert declined(payer, amount=most + 1, at=noon) == "insufficient_funds"
        assert declined(payer, amount=most, at=noon) == ""

    def test_comes_after_a_debt_is_collected(self, payer, noon):
        account, card = payer.account, payer.held.card
        Debt.objects.create(account=account, card=card, amount_minor=1_000, opened_at=noon)
        most = account.available_minor - 1_000
        assert declined(payer, amount=most + 1, at=noon) == "insufficient_funds"
        assert declined(payer, amount=most, at=noon) == ""

    def test_cannot_differ_from_the_pre_approval_in_the_database(self, payer, noon):
        made.approved(payer, at=noon)
        with pytest.raises(IntegrityError, match="held for it differ"), transaction.atomic():
            hold_less_than_approved()


class TestTheNumber:
    def test_is_kept_as_a_keyed_hash_alone(self, payer, noon):
        word = made.approved(payer, at=noon)
        kept = Preapproval.objects.values().get()
        assert bytes(kept["number_hash"]) == numbers.keyed_hash(word.number)
        assert word.number not in str(kept) + str(list(Event.objects.values()))
        assert made.CODE not in str(kept["pickup_hash"])

    def test_is_drawn_until_nobody_ever_had_it(self, payer, noon, monkeypatch):
        first = made.approved(payer, at=noon)
        drawn = iter([first.number, "234567890127"])
        monkeypatch.setattr(numbers.numbers, "approval_number", lambda _bytes: next(drawn))
        assert made.approved(payer, at=noon).number == "234567890127"

    def test_5_06_is_good_as_long_as_the_customer_chose(self, payer, noon):
        for valid_s, lives_s in ((None, 1_800), (60, 60), (86_400, 86_400)):
            word = made.approved(payer, at=noon, valid_s=valid_s)
            assert word.preapproval.valid_until == noon + timedelta(seconds=lives_s)

    def test_5_06_is_good_for_no_longer_than_the_issuer_allows(self, payer, noon):
        made.policy(payer, valid_max_s=3_600)
        with pytest.raises(preapprovals.ValidTooLong):
            made.approved(payer, at=noon, valid_s=3_601)
        assert made.approved(payer, at=noon, valid_s=3_600).number

    def test_of_cash_is_bound_to_atms(self, payer, noon):
        assert made.approved(payer, at=noon).preapproval.bound_kind == "ATM"
        assert made.approved(payer, at=noon, kind="GIFT").preapproval.bound_kind == ""
        with pytest.raises(preapprovals.BoundInvalid):
            made.approved(payer, at=noon, bound=made.bound(kind="TERMINAL"))

    def test_is_bound_to_what_there_is(self, payer, atm, noon):
        for where in ({"merchant": "MER-NONE"}, {"terminal": payer.phone.reference}):
            with pytest.raises(NotFound):
                made.approved(payer, at=noon, bound=made.bound(**where))
        elsewhere = made.bound(
            merchant=made.atm().merchant.reference, terminal=atm.device.reference
        )
        with pytest.raises(preapprovals.BoundInvalid):
            made.approved(payer, at=noon, bound=elsewhere)


class TestTheProgramme:
    def test_says_which_kinds_there_are(self, payer, noon):
        made.policy(payer, lottery_allowed=False)
        with pytest.raises(preapprovals.KindNotAllowed):
            made.approved(payer, at=noon, kind="LOTTERY")

    def test_says_whether_a_part_may_be_taken(self, payer, noon):
        made.policy(payer, partial_allowed=False)
        with pytest.raises(preapprovals.PartialNotAllowed):
            made.approved(payer, at=noon, partial=True)

    def test_wants_a_pickup_code_for_cash_unless_it_says_otherwise(self, payer, noon):
        assert made.approved(payer, at=noon, kind="GIFT").number
        made.policy(payer, pickup_code_needed=False)
        assert made.approved(payer, at=noon, pickup_code="").number

    def test_wants_one_for_all_where_nobody_else_may_redeem(self, payer, noon):
        made.policy(payer, pickup_code_needed=False, delegated_allowed=False)
        with pytest.raises(preapprovals.PickupCodeRequired):
            made.approved(payer, at=noon, kind="GIFT")

    @pytest.mark.parametrize(
        ("terms", "most"),
        [({"outstanding_max": 2}, 2), ({"daily_count_max": 2}, 2)],
    )
    def test_limits_how_many(self, payer, noon, terms, most):
        made.policy(payer, **terms)
        told = [declined(payer, at=noon) for _ in range(most + 1)]
        assert told == [""] * most + ["limit_exceeded"]

    def test_limits_the_sum_of_a_day_at_the_issuer(self, payer, noon):
        made.policy(payer, daily_sum_max_minor=25_000)
        assert [declined(payer, at=noon) for _ in range(3)] == ["", "", "limit_exceeded"]
        assert declined(payer, amount=5_000, at=noon) == ""
        next_day = noon + timedelta(hours=12)  # noon in Seoul, midnight there
        assert declined(payer, at=next_day, amount=25_000) == ""

    def test_counts_what_was_given_back_as_one_of_the_day_but_not_in_its_sum(self, payer, noon):
        made.policy(payer, daily_sum_max_minor=10_000, daily_count_max=2)
        for _ in range(2):
            word = made.approved(payer, at=noon)
            assert word.number
            preapprovals.cancel(device=payer.phone, reference=word.preapproval.reference, at=noon)
        assert declined(payer, at=noon) == "limit_exceeded"

    def test_is_set_by_its_issuer_in_order(self, payer):
        programme = payer.held.card.programme
        house = preapproval_policies.terms_of(programme=programme)
        assert house.daily_sum_max_minor == 10_000_000
        for field, value in (("valid_max_s", 86_401), ("valid_default_s", 0)):
            wrong = replace(house, **{field: value})
            with pytest.raises(PreapprovalTermsInvalid):
                preapproval_policies.set_terms(
                    programme=programme, terms=wrong, actor=SYSTEM, at=payer.held.card.issued_at
                )
        assert preapproval_policies.terms_of(programme=programme) == house


class TestTheCard:
    def test_of_somebody_else_is_not_found(self, payer, noon):
        other = made.payer()
        with pytest.raises(NotFound):
            made.approved(payer, at=noon, card=bytes(other.held.card.token))

    def test_must_be_on_the_phone(self, payer, noon):
        Credential.objects.update(state="RETIRED")
        with pytest.raises(preapprovals.CertificateRequired):
            made.approved(payer, at=noon)

    def test_that_is_blocked_declines(self, payer, noon):
        Card.objects.update(frozen_by_owner_at=noon)
        word = made.approved(payer, at=noon)
        assert (word.number, word.preapproval.state) == ("", "DECLINED")
        assert Authorisation.objects.get().decline_reason == "card_blocked"
        assert payer.account.held_minor == 0

    def test_of_another_currency_declines(self, payer, noon):
        assert declined(payer, currency="USD", at=noon) == "issuer_refused"

    def test_of_another_customer_gets_into_no_row(self, payer, noon):
        word = made.approved(payer, at=noon)
        row, other = word.preapproval, made.payer()
        row.pk, row.reference, row.number_hash, row.card = None, "PRE-X", b"x", other.held.card
        with pytest.raises(DatabaseError, match="not its customer's"), transaction.atomic():
            row.save(force_insert=True)


class TestTheEnd:
    def test_by_the_customer_gives_the_hold_back(self, payer, noon):
        before = payer.account.available_minor
        word = made.approved(payer, at=noon)
        name = word.preapproval.reference
        for _ in range(2):
            ended = preapprovals.cancel(device=payer.phone, reference=name, at=noon)
            assert (ended.state, ended.ending) == ("CANCELLED", "CUSTOMER")
        assert payer.account.available_minor == before

    def test_by_somebody_else_is_not_found(self, payer, noon):
        word = made.approved(payer, at=noon)
        with pytest.raises(NotFound):
            preapprovals.cancel(
                device=made.payer().phone, reference=word.preapproval.reference, at=noon
            )

    def test_by_the_issuer_has_a_reason(self, payer, noon):
        name = made.approved(payer, at=noon).preapproval.reference
        told = {"reference": name, "actor": SYSTEM, "at": noon}
        ended = preapprovals.cancel_by_issuer(reason="stolen bag", **told)
        assert (ended.ending, ended.ending_words) == ("ISSUER", "stolen bag")
        with pytest.raises(preapprovals.PreapprovalFinal):
            preapprovals.cancel(device=payer.phone, reference=name, at=noon)

    def test_5_11_by_time_gives_back_what_was_there_before_to_the_second(self, payer, noon):
        before = payer.account.available_minor
        word = made.approved(payer, at=noon, valid_s=60)
        assert preapprovals.expire_due(at=noon + timedelta(seconds=59), limit=9) == 0
        assert preapprovals.expire_due(at=noon + timedelta(seconds=60), limit=9) == 1
        assert made.state_of(word) == "EXPIRED"
        assert payer.account.available_minor == before
        assert ledger.check() == []

    def test_is_the_last_one(self, payer, noon):
        word = made.approved(payer, at=noon, valid_s=60)
        later = noon + timedelta(seconds=60)
        with pytest.raises(preapprovals.PreapprovalFinal):
            preapprovals.cancel(device=payer.phone, reference=word.preapproval.reference, at=later)
        with (
            pytest.raises(IntegrityError, match="transition from EXPIRED"),
            transaction.atomic(),
        ):
            Preapproval.objects.update(state="APPROVED")

    def test_leaves_a_history_in_the_customers_own_stream(self, payer, noon):
        word = made.approved(payer, at=noon)
        preapprovals.cancel(device=payer.phone, reference=word.preapproval.reference, at=noon)
        told = Event.objects.filter(scope=payer.phone.owner).order_by("pk")
        assert [each.type for each in told] == ["preapproval.approved", "preapproval.cancelled"]
        assert Account.objects.get().held_minor == 0
