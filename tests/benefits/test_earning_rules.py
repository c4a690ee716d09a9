"""Rules by which customers earn: what they give, whose they are, and from when to when."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from benefits.models import Earning, Holding
from benefits.rules.earning import EarningMalformed, Earns
from benefits.rules.quote import quote
from benefits.rules.vocabulary import Kind, Purchase
from benefits.selectors import earning_rules as selectors
from benefits.selectors.held import available_to
from benefits.services import accruals, catalogue, earning_rules
from benefits.services.accruals import Paid
from benefits.services.campaigns import NotItsKeeper
from benefits.services.catalogue import WindowInvalid
from benefits.services.earning_rules import EarningTerms
from benefits.services.holdings import BenefitNotOut
from config.audit import SYSTEM
from config.models import Audit
from tests.factories import benefits as made

HOUR = timedelta(hours=1)


@given(st.integers(1, 10_000), st.integers(0, 10**15), st.integers(0, 10**6))
def test_points_are_a_share_rounded_down_and_never_more_than_was_paid(bps, paid, least):
    points = Earns(points_bps=bps, min_purchase_minor=least).amount_of(paid)
    assert 0 <= points <= paid
    assert points == (paid * bps // 10_000 if paid >= least else 0)


@pytest.mark.parametrize(("paid", "stamps"), [(4_999, 0), (5_000, 1), (900_000, 1)])
def test_a_payment_brings_one_stamp_from_the_least_on(paid, stamps):
    assert Earns(stamps_needed=10, min_purchase_minor=5_000).amount_of(paid) == stamps


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"points_bps": 1, "stamps_needed": 1},
        {"points_bps": 0},
        {"points_bps": 10_001},
        {"stamps_needed": 0},
        {"points_bps": 1, "min_purchase_minor": -1},
    ],
)
def test_what_is_no_rule_is_refused(told):
    with pytest.raises(EarningMalformed):
        Earns(**told)


@pytest.mark.django_db
class TestKept:
    def add(self, till, noon, kind=Kind.POINTS, *, shares=None, gives=None, **terms):
        own = [(made.sponsor_of(till.merchant), 10_000)]
        terms.setdefault("earns", Earns(points_bps=100))
        return earning_rules.add(
            merchant=till.merchant,
            gives=gives or made.definition(kind, shares=shares or own),
            terms=EarningTerms(**terms),
            actor=SYSTEM,
            at=noon,
        )

    def test_it_is_written_to_the_trail(self, till, noon):
        rule = self.add(till, noon)
        earning_rules.end(rule=rule, actor=SYSTEM, at=noon + HOUR)
        acts = Audit.objects.filter(subject=rule.reference).order_by("id")
        assert [(each.action, each.tenant) for each in acts] == [
            ("earning.add", till.merchant.reference),
            ("earning.end", till.merchant.reference),
        ]

    @pytest.mark.parametrize(
        ("kind", "earns"),
        [
            (Kind.GIFT_CARD, Earns(points_bps=1)),
            (Kind.COUPON_FIXED, Earns(points_bps=1)),
            (Kind.POINTS, Earns(stamps_needed=1)),
            (Kind.GIFT_CARD, Earns(stamps_needed=1)),
        ],
    )
    def test_points_come_by_share_and_rewards_by_stamp(self, till, noon, kind, earns):
        with pytest.raises(EarningMalformed):
            self.add(till, noon, kind, earns=earns)

    def test_the_database_holds_that_by_itself(self, till, noon):
        gift = made.definition(Kind.GIFT_CARD)
        with pytest.raises(IntegrityError):
            Earning.objects.create(
                reference="ERN-X",
                merchant=till.merchant,
                gives=gift,
                points_bps=100,
                starts_at=noon,
            )

    def test_what_another_pays_for_is_not_given(self, till, noon):
        shares = [(made.sponsor(), 6_000), (made.sponsor_of(till.merchant), 4_000)]
        with pytest.raises(NotItsKeeper):
            self.add(till, noon, shares=shares)

    def test_what_is_not_out_is_not_given(self, till, noon):
        gives = made.definition(Kind.POINTS, shares=[(made.sponsor_of(till.merchant), 10_000)])
        catalogue.pause(definition=gives, actor=SYSTEM, at=noon)
        with pytest.raises(BenefitNotOut):
            self.add(till, noon, gives=gives)

    def test_another_currency_is_refused(self, till, noon):
        own = [(made.sponsor_of(till.merchant), 10_000)]
        gives = made.definition(Kind.POINTS, shares=own, currency="USD")
        with pytest.raises(earning_rules.CurrencyDiffers):
            self.add(till, noon, gives=gives)

    def test_it_begins_now_or_later_and_ends_after_that(self, till, noon):
        with pytest.raises(earning_rules.EarningInPast):
            self.add(till, noon, starts_at=noon - HOUR)
        with pytest.raises(WindowInvalid):
            self.add(till, noon, starts_at=noon + HOUR, ends_at=noon + HOUR)

    def test_it_counts_half_open_and_ends_once(self, till, noon):
        rule = self.add(till, noon, starts_at=noon + HOUR, ends_at=noon + 2 * HOUR)
        phases = [selectors.phase_of(rule=rule, at=noon + hours * HOUR) for hours in range(3)]
        assert phases == ["WAITS", "RUNS", "ENDED"]
        with pytest.raises(earning_rules.EarningOver):
            earning_rules.end(rule=rule, actor=SYSTEM, at=noon + 2 * HOUR)

    def test_ended_before_it_began_it_never_counts(self, till, noon):
        rule = self.add(till, noon, starts_at=noon + HOUR)
        ended = earning_rules.end(rule=rule, actor=SYSTEM, at=noon)
        assert ended.ended_at == rule.starts_at
        assert selectors.phase_of(rule=ended, at=noon + HOUR) == "ENDED"

    @pytest.mark.parametrize("field", ["points_bps", "min_purchase_minor", "lot_days"])
    def test_what_was_agreed_stays(self, till, noon, field):
        rule = self.add(till, noon)
        with pytest.raises(DatabaseError), transaction.atomic():
            Earning.objects.filter(pk=rule.pk).update(**{field: 7})


@pytest.mark.django_db
def test_a_full_card_brings_a_grade_which_counts_once_however_often_it_is_earned(
    customer, till, noon
):
    own = [(made.sponsor_of(till.merchant), 10_000)]
    gold = made.definition(Kind.GRADE, shares=own, percent_bps=1_000, uses_each=None)
    terms = EarningTerms(earns=Earns(stamps_needed=2))
    earning_rules.add(merchant=till.merchant, gives=gold, terms=terms, actor=SYSTEM, at=noon)
    for visit in range(4):
        give(customer, till, f"PAY-{visit}", noon)
    assert Holding.objects.filter(definition=gold).count() == 2
    held = [each.benefit for each in available_to(customer=customer, at=noon)]
    told = quote(purchase=bought(till, noon), benefits=held)
    assert [line.amount_minor for line in told.lines] == [1_000]
    assert [skip.why.code for skip in told.skipped] == ["excluded"]


def give(customer, till, document, at):
    paid = Paid(
        document=document,
        customer=customer,
        merchant=till.merchant,
        currency="KRW",
        base_minor=10_000,
        paid_at=at,
    )
    accruals.give(purchases=[paid], at=at)


def bought(till, at):
    return Purchase(
        amount_minor=10_000,
        currency="KRW",
        merchant=till.merchant.reference,
        store=till.store.reference,
        at=at,
    )
