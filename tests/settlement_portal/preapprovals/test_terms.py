"""What programmes let their holders have approved: read, tried, set."""

import pytest
from django.urls import reverse

from config.models import Audit
from issuers.services import preapproval_policies
from tests.factories import preapprovals

SAID = {
    "kinds": ["CASH"],
    "valid_default": "10",
    "valid_max": "20",
    "pickup_code_needed": "on",
    "partial_allowed": "on",
    "outstanding_max": "3",
    "daily_count_max": "5",
    "daily_sum_max": "40,000",
    "reason": "Fraud in May",
}


@pytest.fixture
def programme(payer):
    return payer.held.card.programme


@pytest.fixture
def form(world, programme):
    return reverse("preapproval-terms", args=[world.issuer.reference, programme.reference])


def terms(programme):
    return preapproval_policies.terms_of(programme=programme)


def test_the_list_tells_the_terms_in_force(auditor, world, programme):
    page = auditor.get(
        reverse("preapproval-terms-list", args=[world.issuer.reference])
    ).content.decode()

    assert programme.name in page
    assert "10,000,000" in page, "those of the house"
    assert "Change" not in page


def test_they_hold_once_saved(operations, form, programme):
    assert operations.post(form, SAID).status_code == 302

    held = terms(programme)
    assert held.kinds == {"CASH"}
    assert (held.valid_default_s, held.valid_max_s) == (600, 1200)
    assert (held.delegated_allowed, held.daily_sum_max_minor) == (False, 40_000)
    assert Audit.objects.get(action="programme.preapprovals").reason == "Fraud in May"


def test_their_effect_is_told_before_they_hold(operations, world, form, programme, payer, made):
    preapprovals.approved(payer, 30_000, kind="GIFT", at=world.now)
    before = terms(programme)

    page = operations.post(form, SAID | {"preview": "1"}).content.decode()

    assert "What these terms would have meant" in page
    assert terms(programme) == before
    figures = [
        page.split(word)[1].split("<dd>")[1].split("<")[0]
        for word in (
            "Approved in the last 30 days",
            "good for too long",
            "no longer offered",
            "above the limits of a day",
            "would refuse",
        )
    ]
    assert figures == ["2", "2", "1", "1", "1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"valid_default": "30"},
        {"valid_max": "1441"},
        {"valid_default": "0"},
        {"daily_sum_max": "-1"},
        {"daily_sum_max": "x"},
        {"outstanding_max": "1001"},
        {"kinds": ["BANKNOTES"]},
    ],
)
def test_terms_that_contradict_each_other_are_refused(operations, form, programme, wrong):
    before = terms(programme)

    assert "There is a problem" in operations.post(form, SAID | wrong).content.decode()
    assert terms(programme) == before


def test_it_takes_few_queries(auditor, world, payer, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        auditor.get(reverse("preapproval-terms-list", args=[world.issuer.reference]))
