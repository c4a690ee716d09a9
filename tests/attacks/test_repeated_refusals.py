"""Requests refused before anybody looked at the thing: of no story, and the same answer again."""

import pytest
from django.utils import timezone

from config.api import once
from config.models import Repetition
from tests.api.caller import of_device
from tests.factories.requests import terminal
from tests.factories.wallets import enrolled_phone

pytestmark = pytest.mark.django_db
KEY = "a-key-of-sixteen-or-more"


@pytest.fixture
def phone():
    return of_device(enrolled_phone())


@pytest.fixture
def tid():
    return terminal().asks(1_000, at=timezone.now()).tid


def twice(phone, tid, act, body=None, kind="application/json"):
    """Return the status of a request that is sent twice under one key, and of the second."""
    headers = {"Idempotency-Key": KEY} | ({} if body is None else {"Content-Type": kind})
    path = f"/api/v1/wallet/payments/{tid}/{act}"
    first, again = (phone.post(path, body, headers=headers) for _ in range(2))
    assert again.content == first.content
    return first.status_code, again.status_code


@pytest.mark.parametrize("act", ["claim", "release", "decline", "approve"])
@pytest.mark.parametrize("tid", ["T" * 500, "T-OF-NOBODY"])
def test_about_a_tid_of_nobody(phone, act, tid):
    assert twice(phone, tid, act, {"odd": 1}) == (422, 422)
    assert not Repetition.objects.exists()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ({"odd": 1}, "application/json", 422),
        (b"{", "application/json", 400),
        (b"odd", "text/plain", 415),
    ],
)
def test_about_a_tid_of_others(phone, tid, body, kind, status):
    assert twice(phone, tid, "claim", body, kind) == (status, status)
    assert not Repetition.objects.exists()


def test_control_one_that_was_looked_at_is_told(phone, tid):
    assert twice(phone, tid, "release") == (409, 409)
    assert Repetition.objects.get().subject == tid


def test_control_without_the_rule_strangers_enter_the_story(phone, tid, monkeypatch):
    monkeypatch.setattr(once, "_is_about_something", lambda _answer: True)
    assert twice(phone, tid, "claim", {"odd": 1}) == (422, 422)
    assert Repetition.objects.get().subject == tid
