"""Sent again: under the id it had before, so that a receiver which had it does nothing twice."""

import secrets
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from config import audit
from config.audit import Actor
from config.refusals import NotFound, Refused
from merchants.models import WebhookDelivery, WebhookEndpoint
from merchants.services.webhooks import spool
from merchants.services.webhooks.endpoints import TEST_TYPE

_State = WebhookDelivery.State
_AGAIN: Final = (_State.DELIVERED, _State.FAILED, _State.PENDING)


class NotReplayable(Refused):
    code = "webhook_not_replayable"
    status = 409
    title = "This message is sent no more"


@transaction.atomic
def replay(
    *, endpoint: WebhookEndpoint, webhook_id: str, actor: Actor, at: datetime
) -> WebhookDelivery:
    """Send one message again, at once and with a whole ladder of tries, under the same id.

    :raises NotFound: the endpoint has no such message, or it was retired
    :raises NotReplayable: its endpoint was removed
    """
    rows = WebhookDelivery.objects.select_for_update(no_key=True)
    delivery = rows.filter(endpoint=endpoint, webhook_id=webhook_id).first()
    if delivery is None:
        raise NotFound
    if delivery.state not in _AGAIN or endpoint.state == WebhookEndpoint.State.REMOVED:
        raise NotReplayable
    before = delivery.state
    delivery.state, delivery.tries, delivery.next_at = _State.PENDING, 0, at
    delivery.save(update_fields=["state", "tries", "next_at"])
    _record(endpoint, webhook_id, actor, at, before={"state": before})
    return delivery


@transaction.atomic
def replay_failed(*, endpoint: WebhookEndpoint, since: datetime, actor: Actor, at: datetime) -> int:
    """Send again every message that was given up, of events since then; return how many.

    :raises NotReplayable: its endpoint was removed
    """
    if endpoint.state == WebhookEndpoint.State.REMOVED:
        raise NotReplayable
    given_up = WebhookDelivery.objects.filter(endpoint=endpoint, state=_State.FAILED, at__gte=since)
    count = given_up.update(state=_State.PENDING, tries=0, next_at=at)
    if count:
        told = {"since": since.isoformat(), "count": count}
        _record(endpoint, endpoint.reference, actor, at, after=told)
    return count


@transaction.atomic
def send_test(*, endpoint: WebhookEndpoint, actor: Actor, at: datetime) -> WebhookDelivery:
    """Send a message that tells of nothing, of type ``webhook.test`` and without a ``seq``.

    :raises NotReplayable: the endpoint was removed
    """
    if endpoint.state == WebhookEndpoint.State.REMOVED:
        raise NotReplayable
    told = {
        "type": TEST_TYPE,
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "webhook": {"id": endpoint.reference, "description": endpoint.description},
    }
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint,
        webhook_id=f"test_{secrets.token_hex(10)}",
        type=TEST_TYPE,
        at=at,
        body=spool.body_of(told),
        next_at=at,
    )
    _record(endpoint, delivery.webhook_id, actor, at, action="webhook.test")
    return delivery


def _record(
    endpoint: WebhookEndpoint,
    subject: str,
    actor: Actor,
    at: datetime,
    *,
    action: str = "webhook.replay",
    **told: Any,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="webhook",
        subject=subject,
        tenant=endpoint.merchant.reference,
        at=at,
        **told,
    )
