"""What ``/metrics`` tells of messages that wait."""

from datetime import timedelta

import pytest
from django.utils import timezone

from merchants.models import WebhookDelivery
from merchants.services.webhooks import spool
from tests.ops.test_metrics import told
from tests.webhooks.conftest import happen, hook

pytestmark = pytest.mark.django_db


def test_messages_that_are_due_are_told_apart_from_those_that_wait(client, merchant, serve):
    hook(merchant, serve())
    happen(merchant, 3)
    now = timezone.now()
    spool.write_due(at=now)
    WebhookDelivery.objects.filter(seq=1).update(next_at=now + timedelta(hours=1))

    figures = told(client)

    assert figures["paydesk_webhook_messages_waiting",] == 3
    assert figures["paydesk_webhook_messages_due",] == 2
