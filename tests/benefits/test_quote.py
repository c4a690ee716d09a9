"""What holds of every quote, over random purchases; and each condition by itself."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benefits.rules import quote as module
from benefits.rules.conditions import Reason
from benefits.rules.hand import BenefitTwice
from benefits.rules.quote import quote
from benefits.rules.takings import left_after, parts_of, taken, taker_of
from benefits.rules.vocabulary import (
    Benefit,
    BenefitMalformed,
    Card,
    Item,
    Kind,
    Purchase,
    PurchaseMalformed,
    Scope,
)
from tests.benefits import built, instances
from tests.benefits.plain import plain

SEEDS = st.integers(0, 10**6)
DRAWN = st.one_of(
    st.builds(instances.mixed, SEEDS, count=st.integers(0, 12)),
    st.builds(instances.shares, SEEDS, count=st.integers(1, 12)),
    st.builds(instances.alike, SEEDS, count=st.integers(1, 12)),
)


def quoted(instance):
    """Return the quote of everything an instance holds."""
    return quote(purchase=built.purchase(instance["purchase"]), benefits=built.benefits(instance))


def faults(made, held):
    """Return what is wrong with a quote in itself."""
    amounts = [line.amount_minor for line in made.lines]
    caps = [(line.amount_minor, line.benefit.most_minor) for line in made.lines]
    named = [each.benefit.benefit for each in (*made.lines, *made.skipped)]
    rules = {
        "sum": sum(amounts) == made.purchase.amount_minor - made.remainder_minor,
        "below zero": made.remainder_minor >= 0 and min(amounts, default=1) > 0,
        "above cap": all(most is None or amount <= most for amount, most in caps),
        "not told": sorted(named) == sorted(each.benefit for each in held),
    }
    return [name for name, holds in rules.items() if not holds]


@given(DRAWN)
def test_lines_add_up_none_is_above_its_cap_and_nothing_is_below_zero(instance):
    assert faults(quoted(instance), built.benefits(instance)) == []


@given(DRAWN, SEEDS)
def test_the_order_of_benefits_and_items_changes_nothing(instance, seed):
    purchase, held = built.purchase(instance["purchase"]), built.benefits(instance)
    mixed, items = list(held), list(purchase.items)
    random.Random(seed).shuffle(mixed)
    random.Random(seed).shuffle(items)
    other = quote(purchase=replace(purchase, items=tuple(items)), benefits=mixed)
    made = quote(purchase=purchase, benefits=held)
    assert (other.lines, other.skipped) == (made.lines, made.skipped)


@given(DRAWN)
def test_what_was_skipped_is_not_missed(instance):
    made = quoted(instance)
    again = quote(purchase=made.purchase, benefits=[line.benefit for line in made.lines])
    assert (again.lines, again.skipped) == (made.lines, ())


@given(DRAWN, SEEDS)
def test_a_benefit_never_takes_more_where_less_is_left(instance, seed):
    purchase, draw = built.purchase(instance["purchase"]), random.Random(seed)
    parts = parts_of(purchase)
    fewer = tuple(draw.randint(0, part) for part in parts)
    for benefit in built.benefits(instance):
        taker = taker_of(benefit, purchase)
        assert taken(taker, fewer) <= taken(taker, parts)


@given(DRAWN)
def test_no_part_bears_more_than_it_has(instance):
    purchase = built.purchase(instance["purchase"])
    parts = parts_of(purchase)
    for benefit in built.benefits(instance):
        taker = taker_of(benefit, purchase)
        amount = taken(taker, parts)
        after = left_after(taker, parts, amount)
        assert sum(after) == sum(parts) - amount
        assert all(0 <= now <= before for now, before in zip(after, parts, strict=True))


@given(DRAWN, st.integers(0, 20_000))
def test_a_customer_may_use_less_of_a_benefit(instance, most):
    purchase = built.purchase(instance["purchase"])
    for benefit in built.benefits(instance):
        less, all_of_it = (
            quote(purchase=purchase, benefits=[each]) for each in (benefit.at_most(most), benefit)
        )
        assert less.savings_minor <= min(most, all_of_it.savings_minor)


def test_control_without_what_is_left_lines_go_below_zero(monkeypatch):
    drawn = [instances.alike(seed, count=12) for seed in range(20)]
    monkeypatch.setattr(module, "left_after", lambda _taker, left, _amount: left)
    assert any(faults(quoted(each), built.benefits(each)) for each in drawn)


PURCHASE = built.purchase(
    {"amount": 10_000, "items": [{"sku": "bread", "amount": 4_000, "quantity": 2}]}
)
COUPON = built.benefit(plain("c", "COUPON_FIXED", amount=1_000))
MINUTE = timedelta(minutes=1)


def reason_of(benefit, purchase=PURCHASE):
    made = quote(purchase=purchase, benefits=[benefit])
    return made.skipped[0].why.code if made.skipped else None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"currency": "USD"}, Reason.CURRENCY_MISMATCH),
        ({"starts_at": built.NOON + MINUTE}, Reason.NOT_STARTED),
        ({"starts_at": built.NOON}, None),
        ({"ends_at": built.NOON}, Reason.EXPIRED),
        ({"ends_at": built.NOON + MINUTE}, None),
        ({"scope": Scope(merchants=frozenset({"other"}))}, Reason.OTHER_MERCHANT),
        ({"scope": Scope(merchants=frozenset({built.SHOP, "other"}))}, None),
        ({"scope": Scope(stores=frozenset({"other"}))}, Reason.OTHER_STORE),
        ({"scope": Scope(skus=frozenset({"juice"}))}, Reason.NO_ITEM),
        ({"uses_left": 0}, Reason.USED_UP),
        ({"left_in_all": 0}, Reason.SOLD_OUT),
        ({"left_in_all": 1}, None),
        ({"min_purchase_minor": 10_001}, Reason.BELOW_MINIMUM),
        ({"min_purchase_minor": 10_000}, None),
        ({"amount_minor": None, "percent_bps": 0}, Reason.ROUNDS_TO_ZERO),
    ],
)
def test_a_condition_stops_a_benefit_alone(changed, reason):
    assert reason_of(replace(COUPON, **changed)) == reason


def test_points_below_their_least_are_kept():
    points = built.benefit(plain("p", "POINTS", amount=900, min_spend=1_000))
    assert reason_of(points) == Reason.BELOW_LEAST


class TestCardDiscount:
    DISCOUNT = replace(COUPON, kind=Kind.CARD_DISCOUNT, issuers=frozenset({"hankook"}))

    @pytest.mark.parametrize(
        ("card", "reason"),
        [
            (Card(issuer="hankook", programme="any"), None),
            (Card(issuer="other", programme="any"), Reason.CARD_MISMATCH),
            (None, Reason.CARD_REQUIRED),
        ],
    )
    def test_counts_with_its_own_card_alone(self, card, reason):
        assert reason_of(self.DISCOUNT, replace(PURCHASE, card=card)) == reason

    def test_without_a_payment_number_says_what_it_would_take(self):
        without = replace(PURCHASE, card=None)
        discount = replace(self.DISCOUNT, benefit="d")
        made = quote(purchase=without, benefits=[COUPON, discount])
        assert made.skipped[0].why.facts == {"amount_minor": 1_000}
        assert made.remainder_minor == 9_000

    def test_of_another_product_does_not_count(self):
        other = replace(self.DISCOUNT, programmes=frozenset({"credit"}))
        assert reason_of(other) == Reason.CARD_MISMATCH


def test_one_receipt_is_attached():
    receipts = [built.benefit(plain(name, "CASH_RECEIPT")) for name in ("r", "s")]
    made = quote(purchase=PURCHASE, benefits=receipts)
    assert [line.amount_minor for line in made.lines] == [0]
    assert made.skipped[0].why.code == Reason.RECEIPT_ATTACHED


def test_a_benefit_named_twice_is_refused():
    with pytest.raises(BenefitTwice):
        quote(purchase=PURCHASE, benefits=[COUPON, COUPON])


@pytest.mark.parametrize(
    "changed",
    [{"percent_bps": 1}, {"amount_minor": None}, {"amount_minor": -1}, {"step_minor": 0}],
)
def test_what_is_no_benefit_is_refused(changed):
    with pytest.raises(BenefitMalformed):
        replace(COUPON, **changed)


@pytest.mark.parametrize(
    "items", [(Item(sku="a", amount_minor=10_001),), (Item(sku="a", amount_minor=0),)]
)
def test_items_that_do_not_fit_are_refused(items):
    with pytest.raises(PurchaseMalformed):
        replace(PURCHASE, items=items)


def test_rules_are_values():
    assert Benefit.__dataclass_params__.frozen
    assert Purchase.__dataclass_params__.frozen
