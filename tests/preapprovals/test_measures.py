"""``GET /metrics`` tells what of pre-approvals is open, and how long the desk has been awaited."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import preapprovals as made
from tests.ops.test_metrics import told

pytestmark = pytest.mark.django_db


def test_open_ones_by_state_and_the_oldest_in_suspense(client, payer, atm):
    now = timezone.now()
    before = now - timedelta(seconds=100)
    made.approved(payer, at=now)
    for at in (before, now):
        atm.reports(atm.takes(made.approved(payer, at=at), at=at), "UNKNOWN", at=at)
    atm.takes(made.approved(payer, at=now), at=now)
    atm.reports(atm.takes(made.approved(payer, at=now), at=now), at=now)
    figures = told(client)
    states = ("APPROVED", "IN_PROGRESS", "SUSPENSE")
    assert [figures["paydesk_preapprovals_open", state] for state in states] == [1, 1, 2]
    assert 100 <= figures["paydesk_suspense_oldest_seconds",] < 130


def test_nothing_waits(client):
    figures = told(client)
    assert figures["paydesk_preapprovals_open", "SUSPENSE"] == 0
    assert figures["paydesk_suspense_oldest_seconds",] == 0
