"""An earning rule from the first word typed to its end: read back, tried, added, ended."""

import pytest
from django.utils import timezone

from benefits.models import Earning
from benefits.rules.vocabulary import Kind
from config.roles import Role
from tests.factories import benefits as made

pytestmark = pytest.mark.django_db


@pytest.fixture
def points(scene):
    return made.definition(Kind.POINTS, name="Mapo points", shares=[(scene.sponsor, 10_000)])


@pytest.fixture
def stamps(scene):
    return made.definition(Kind.STAMP, name="Ten visits", shares=[(scene.sponsor, 10_000)])


@pytest.fixture
def typed(points):
    return {
        "how": "points",
        "percent": "1.5",
        "gives": points.reference,
        "min_purchase": "5,000",
        "lot_days": "365",
        "ends": "2099-12-31",
        "sample": "9,999",
    }


def test_what_was_typed_is_a_rule(manager, at, typed, scene):
    answer = manager.post(at("earning-add"), typed)
    assert answer.status_code == 302, answer.context["form"].errors
    rule = Earning.objects.exclude(pk=scene.rule.pk).get()
    assert (rule.points_bps, rule.min_purchase_minor, rule.lot_days) == (150, 5_000, 365)
    assert rule.ended_at.isoformat() == "2099-12-31T15:00:00+00:00"  # midnight after it in Seoul
    assert (rule.merchant, rule.starts_at <= timezone.now()) == (scene.till.merchant, True)


def test_a_last_day_at_the_end_of_the_calendar_is_a_late_one(manager, at, typed, scene):
    assert manager.post(at("earning-add"), typed | {"ends": "9999-12-31"}).status_code == 302
    assert Earning.objects.exclude(pk=scene.rule.pk).get().ended_at.year == 9000


def test_it_reads_back_as_sentences_and_is_tried_while_one_types(manager, at, typed):
    answer = manager.post(at("earning-reads"), typed)
    assert answer.context["rules"][:2] == [
        "Each payment earns 1.5 % of it as “Mapo points”, rounded down.",
        "Only from a payment of 5,000 KRW on.",
    ]
    assert answer.context["tried"] == "A payment of 9,999 KRW earns points worth 149 KRW."
    assert Earning.objects.count() == 1  # the scene's


def test_stamps_read_as_stamps(manager, at, typed, stamps):
    changed = {"how": "stamps", "percent": "", "lot_days": "", "stamps_needed": "10"}
    told = manager.post(at("earning-reads"), typed | changed | {"gives": stamps.reference})
    assert told.context["rules"][0] == (
        "Each payment brings a stamp; 10 of them bring “Ten visits”, and a new card begins."
    )
    assert told.context["tried"] == "A payment of 9,999 KRW earns one stamp."


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"percent": "0"}, "percent"),
        ({"percent": ""}, "percent"),
        ({"stamps_needed": "3"}, "stamps_needed"),
        ({"how": "stamps", "lot_days": "", "stamps_needed": "3"}, "percent"),
        ({"min_purchase": "1.5"}, "min_purchase"),
        ({"gives": "DEF-ELSEWHERE"}, "gives"),
        ({"begins": "2020-01-01"}, "begins"),
        ({"ends": "2020-01-01"}, "ends"),
        ({"begins": "2099-12-31", "ends": "2099-12-30"}, "ends"),
        ({"sample": "much"}, "sample"),
    ],
)
def test_a_fault_stands_beside_its_field(changes, field, manager, at, typed):
    answer = manager.post(at("earning-add"), typed | changes)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert Earning.objects.count() == 1  # the scene's


def test_points_give_points_alone(manager, at, typed, stamps):
    answer = manager.post(at("earning-add"), typed | {"gives": stamps.reference})
    assert list(answer.context["form"].errors) == ["gives"]


def test_only_ones_own_campaigns_that_are_out_can_be_given(manager, at, points, scene):
    made.definition(Kind.POINTS, name="Of another")
    made.definition(Kind.GIFT_CARD, name="A card", shares=[(scene.sponsor, 10_000)])
    offered = manager.get(at("earning-add")).context["form"].fields["gives"].queryset
    assert {each.name for each in offered} == {"Mapo points", "Welcome"}


def test_a_rule_is_tried_and_ended_on_its_page(manager, at, scene):
    rule = made.earning(scene.till.merchant, points_bps=100, at=timezone.now())
    page = manager.get(at("earning", rule.reference, query="?amount=12,345"))
    assert page.context["tried"] == "A payment of 12,345 KRW earns points worth 123 KRW."
    (said,) = told(manager.post(at("earning-end", rule.reference), follow=True))
    (again,) = told(manager.post(at("earning-end", rule.reference), follow=True))
    assert ("Ended" in said, again) == (True, "This rule has ended already")
    assert not manager.get(at("earning", rule.reference)).context["ends"]


def told(answer):
    return [str(message) for message in answer.context["messages"]]


def test_customers_earn_at_merchants_alone(scene, desk, at):
    browser = desk(Role.SPONSOR)
    assert browser.get(at("earning-list", owner=scene.brand.reference)).status_code == 404


def test_a_rule_of_another_merchant_looks_absent(manager, at):
    foreign = made.earning(made.counter().merchant, points_bps=100, at=timezone.now())
    assert manager.get(at("earning", foreign.reference)).status_code == 404
    assert manager.post(at("earning-end", foreign.reference)).status_code == 404
    foreign.refresh_from_db()
    assert foreign.ended_at is None
