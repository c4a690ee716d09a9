"""Pausing by itself meets what a person does to the same webhook at the same moment."""

import pytest
from django.utils import timezone

from config.audit import SYSTEM
from merchants.models import WebhookEndpoint
from merchants.services.webhooks import endpoints, leases, replays
from merchants.services.webhooks.leases import GONE, Outcome

pytestmark = pytest.mark.django_db
TOLD = {"url": "https://new.example/hook", "description": "", "event_types": []}


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def endpoint(merchant, now):
    url = "https://old.example/hook"
    return endpoints.add(merchant=merchant, url=url, actor=SYSTEM, at=now).endpoint


@pytest.fixture
def gone(endpoint, now):
    """An attempt at the old address, which answers that it wants no more."""
    replays.send_test(endpoint=endpoint, actor=SYSTEM, at=now)
    (parcel,) = leases.claim(limit=1, busy={}, at=now)
    return Outcome(
        parcel=parcel, began_at=now, duration_ms=9, status=GONE, error="status", answer=b""
    )


def settled(outcome, now):
    leases.settle(outcomes=[outcome], at=now, draws=[0.5])
    return WebhookEndpoint.objects.get()


def test_who_says_that_he_is_gone_is_paused(gone, now):
    row = settled(gone, now)

    assert (row.state, row.paused_because) == ("PAUSED", "GONE")


def test_an_address_that_was_given_up_says_nothing_about_the_new_one(endpoint, gone, now):
    endpoints.edit(endpoint=endpoint, actor=SYSTEM, at=now, **TOLD)

    assert settled(gone, now).state == "ENABLED"


@pytest.mark.parametrize("act", ["pause", "remove"])
def test_somebody_who_is_faster_breaks_nothing(endpoint, gone, now, monkeypatch, act):
    pause, faster = endpoints.pause, getattr(endpoints, act)

    def slower(**more):
        faster(endpoint=endpoint, actor=SYSTEM, at=now)
        return pause(**more)

    monkeypatch.setattr(endpoints, "pause", slower)

    row = settled(gone, now)

    assert (row.state, row.paused_because) in {("PAUSED", "PERSON"), ("REMOVED", "")}
