"""The best combination: against trying all of them, and what holds of it however large."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benefits.rules import bounds, search
from benefits.rules.best import best_for
from benefits.rules.conditions import Reason
from benefits.rules.quote import quote
from tests.benefits import brute_force, built, compare, instances
from tests.benefits.plain import plain

SEEDS = st.integers(0, 10**6)


def best_of(instance, **options):
    """Return the best of everything an instance holds."""
    return best_for(
        purchase=built.purchase(instance["purchase"]), held=built.benefits(instance), **options
    )


def test_it_is_what_trying_all_combinations_finds():
    assert compare.mismatches(200) == []


class TestControls:
    """Each break of the search is found by the same comparison."""

    def test_a_bound_that_is_too_high_loses_the_best(self, monkeypatch):
        sound = bounds.Bounds.least

        def too_high(self, *place):
            to_pay, before_points, remainder = sound(self, *place)
            return to_pay + to_pay // 20, before_points, remainder

        monkeypatch.setattr(bounds.Bounds, "least", too_high)
        with pytest.raises(AssertionError):
            assert compare.mismatches(200) == []

    def test_places_taken_for_the_same_that_are_not(self, monkeypatch):
        class Blind(dict):
            def get(self, place):
                return super().get(place[0])

            def __setitem__(self, place, way):
                super().__setitem__(place[0], way)

        def seen_by_turn_alone(self, *args, **options):
            whole(self, *args, **options)
            self._seen = Blind()

        whole = search.Search.__init__
        monkeypatch.setattr(search.Search, "__init__", seen_by_turn_alone)
        assert compare.mismatches(200) != []

    def test_ties_decided_by_figures_alone(self, monkeypatch):
        monkeypatch.setattr(search.Search, "_takes_too_many", lambda *_: True)
        assert compare.mismatches(200) != []

    def test_clashes_forgotten(self, monkeypatch):
        monkeypatch.setattr("benefits.rules.hand.clashes_of", lambda benefits: [0] * len(benefits))
        assert compare.mismatches(200) != []


FAMILIES = st.sampled_from([instances.mixed, instances.shares, instances.tangle, instances.alike])


@settings(max_examples=50)
@given(FAMILIES, SEEDS, st.integers(1, 18))
def test_no_order_changes_it(family, seed, count):
    instance = family(seed, count=count)
    purchase, held = built.purchase(instance["purchase"]), built.benefits(instance)
    mixed = random.Random(seed).sample(held, len(held))
    assert best_for(purchase=purchase, held=mixed) == best_for(purchase=purchase, held=held)


@settings(max_examples=50)
@given(FAMILIES, SEEDS, st.integers(2, 18))
def test_who_holds_more_never_pays_more(family, seed, count):
    instance = family(seed, count=count)
    fewer = {**instance, "benefits": instance["benefits"][1:]}
    more, less = best_of(instance), best_of(fewer)
    assert more.quote.to_pay_minor <= less.quote.to_pay_minor or not more.proven


@settings(max_examples=50)
@given(FAMILIES, SEEDS, st.integers(1, 18))
def test_it_is_the_quote_of_what_it_uses_and_tells_of_all_else(family, seed, count):
    instance = family(seed, count=count)
    made = best_of(instance).quote
    alone = quote(purchase=made.purchase, benefits=[line.benefit for line in made.lines])
    assert (alone.lines, alone.remainder_minor) == (made.lines, made.remainder_minor)
    assert len(made.lines) + len(made.skipped) == count


@settings(max_examples=50)
@given(FAMILIES, SEEDS, st.integers(2, 12), st.integers(1, 40))
def test_stopped_at_its_cap_it_says_so_and_its_bound_holds(family, seed, count, cap):
    instance = family(seed, count=count)
    stopped = best_of(instance, most_nodes=cap)
    (paid, *_), _ = brute_force.best(instance)
    assert stopped.least_to_pay_minor <= paid <= stopped.quote.to_pay_minor
    assert stopped.nodes <= cap
    assert not stopped.proven or paid == stopped.quote.to_pay_minor


def test_a_subset_sum_of_forty_comes_to_the_cap():
    stopped = best_of(instances.thresholds(1, count=40), most_nodes=500)
    assert not stopped.proven
    assert stopped.least_to_pay_minor < stopped.quote.to_pay_minor


def test_two_of_one_group_the_better_one_counts_and_the_other_says_why():
    """Mission 2.07, of which this is the rule."""
    pair = [
        plain("small", "COUPON_PERCENT", percent=500, group="autumn"),
        plain("large", "COUPON_FIXED", amount=3_000, group="autumn"),
    ]
    made = best_of({"purchase": {"amount": 20_000, "items": []}, "benefits": pair}).quote
    assert [line.benefit.benefit for line in made.lines] == ["large"]
    assert made.skipped[0].why == (Reason.STACK_GROUP, {"with": "large"})


def test_nothing_held_is_nothing_saved():
    best = best_of({"purchase": {"amount": 20_000, "items": []}, "benefits": []})
    assert (best.quote.savings_minor, best.proven, best.least_to_pay_minor) == (0, True, 20_000)
