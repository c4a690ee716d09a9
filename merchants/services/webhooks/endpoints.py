"""Endpoints: added, changed, paused, removed, and the secrets their messages are signed with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet

from config import audit, events, references, sealing
from config.audit import Actor
from config.models import Alert
from config.refusals import Refused
from merchants.models import Merchant, WebhookDelivery, WebhookEndpoint, WebhookSecret
from merchants.rules import targets
from merchants.wire import webhooks as wire

ENDPOINTS_MAX: Final = 10
SECRETS_MAX: Final = 3
PAUSED: Final = "webhook_paused"  # the kind of alert
# Protocol §8: one event for each change of state.
EVENT_TYPES: Final = (
    *(f"payment.{word}" for word in ("requested", "claimed", "released", "approved", "declined")),
    *(f"payment.{word}" for word in ("cancelled", "expired", "reversed")),
    "refund.created",
    *("batch.posted", "batch.refused"),
)
TEST_TYPE: Final = "webhook.test"
_State = WebhookEndpoint.State


class TooManyWebhooks(Refused):
    code = "too_many_webhooks"
    status = 409
    title = "The merchant has as many webhooks as it may have"


class TooManySecrets(Refused):
    """Each signs every message; the oldest ends by itself."""

    code = "too_many_secrets"
    status = 409
    title = "Earlier secrets of this webhook still count"


class EventTypeUnknown(Refused):
    code = "event_type_unknown"
    title = "There is no such event"


class WebhookRemoved(Refused):
    code = "webhook_removed"
    status = 409
    title = "The webhook was removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An endpoint and its new secret in clear, this once."""

    endpoint: WebhookEndpoint
    secret: str


@transaction.atomic
def add(
    *,
    merchant: Merchant,
    url: str,
    description: str = "",
    event_types: Collection[str] = (),
    actor: Actor,
    at: datetime,
) -> Made:
    """Send the merchant's events to ``url`` from now on; ``event_types``: none means all of them.

    :raises TargetRefused: ``url`` is not one that webhooks may go to
    :raises EventTypeUnknown: protocol §8 has no such event
    :raises TooManyWebhooks: it has 10 already
    """
    targets.parse(url=url, allowed=settings.WEBHOOK_ALLOW)
    types = _known(event_types)
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    held = WebhookEndpoint.objects.filter(merchant=merchant).exclude(state=_State.REMOVED)
    if held.count() >= ENDPOINTS_MAX:
        raise TooManyWebhooks(f"{ENDPOINTS_MAX} are the most. Remove one first.")
    endpoint = WebhookEndpoint.objects.create(
        reference=references.new("WHE"),
        merchant=merchant,
        url=url,
        description=description.strip(),
        event_types=types,
        cursor=events.head(scope=merchant.reference),
        created_by=actor.name,
        created_at=at,
    )
    secret = _new_secret(endpoint, number=1, at=at)
    _record(endpoint, "add", actor, at, after=_told(endpoint))
    return Made(endpoint=endpoint, secret=secret)


@transaction.atomic
def edit(
    *,
    endpoint: WebhookEndpoint,
    url: str,
    description: str,
    event_types: Collection[str],
    actor: Actor,
    at: datetime,
) -> WebhookEndpoint:
    """Change where events go, or which; what waits goes to the new address too.

    :raises TargetRefused: ``url`` is not one that webhooks may go to
    :raises EventTypeUnknown: protocol §8 has no such event
    :raises WebhookRemoved: it was removed
    """
    targets.parse(url=url, allowed=settings.WEBHOOK_ALLOW)
    row = _locked(endpoint)
    before = _told(row)
    row.failing_since = row.failing_since if row.url == url else None
    row.url, row.description, row.event_types = url, description.strip(), _known(event_types)
    row.save(update_fields=["url", "description", "event_types", "failing_since"])
    _record(row, "edit", actor, at, before=before, after=_told(row))
    return row


@transaction.atomic
def pause(
    *,
    endpoint: WebhookEndpoint,
    because: WebhookEndpoint.PausedBecause = WebhookEndpoint.PausedBecause.PERSON,
    actor: Actor,
    at: datetime,
) -> WebhookEndpoint:
    """Send nothing there until it is resumed; events wait. Somebody is told who did not ask for it.

    :raises InvalidTransition: it is paused already, or removed
    """
    row = _locked(endpoint)
    row.transition(_State.PAUSED, paused_because=because)
    if because != WebhookEndpoint.PausedBecause.PERSON:
        Alert.objects.get_or_create(
            kind=PAUSED,
            subject=row.reference,
            cleared_at=None,
            defaults={
                "tenant": row.merchant.reference,
                "detail": f"{row.url} was paused: {because}."[:300],
                "raised_at": at,
            },
        )
    _record(row, "pause", actor, at, reason=str(because))
    return row


@transaction.atomic
def resume(*, endpoint: WebhookEndpoint, actor: Actor, at: datetime) -> WebhookEndpoint:
    """Go on from where it was paused: nothing of what happened meanwhile is left out.

    :raises InvalidTransition: it is not paused
    """
    row = _locked(endpoint)
    row.transition(_State.ENABLED, paused_because="", failing_since=None)
    _clear_alert(row, at)
    _record(row, "resume", actor, at)
    return row


@transaction.atomic
def remove(*, endpoint: WebhookEndpoint, actor: Actor, at: datetime) -> WebhookEndpoint:
    """End it for good: what waits is dropped, its secrets count no more.

    :raises InvalidTransition: it was removed before
    """
    row = _locked(endpoint)
    row.transition(_State.REMOVED, paused_because="")
    waiting = WebhookDelivery.objects.filter(endpoint=row, state=WebhookDelivery.State.PENDING)
    dropped = waiting.update(state=WebhookDelivery.State.DROPPED)
    WebhookSecret.objects.filter(endpoint=row).filter(_live(at)).update(ends_at=at)
    _clear_alert(row, at)
    _record(row, "remove", actor, at, after={"dropped": dropped})
    return row


@transaction.atomic
def rotate(*, endpoint: WebhookEndpoint, overlap_h: int, actor: Actor, at: datetime) -> Made:
    """Make a new secret; the ones before sign beside it for ``overlap_h`` hours at most, 0: none.

    :raises TooManySecrets: three would sign
    :raises WebhookRemoved: it was removed
    """
    row = _locked(endpoint)
    until = at + timedelta(hours=overlap_h)
    later = WebhookSecret.objects.filter(endpoint=row).filter(
        Q(ends_at=None) | Q(ends_at__gt=until)
    )
    later.update(ends_at=until)
    if live_secrets(endpoints=[row.pk], at=at).count() >= SECRETS_MAX:
        raise TooManySecrets("Wait until one has ended, or let none overlap.")
    newest = WebhookSecret.objects.filter(endpoint=row).aggregate(last=Max("number"))["last"]
    secret = _new_secret(row, number=newest + 1, at=at)
    _record(row, "rotate", actor, at, after={"secret": newest + 1, "overlap_h": overlap_h})
    return Made(endpoint=row, secret=secret)


def live_secrets(*, endpoints: Collection[int], at: datetime) -> QuerySet[WebhookSecret]:
    """Return the secrets that count at ``at`` of endpoints named by their keys, newest first."""
    rows = WebhookSecret.objects.filter(endpoint__in=endpoints).filter(_live(at))
    return rows.select_related("endpoint").order_by("endpoint_id", "-number")


def secrets_at(*, url: str, at: datetime) -> list[str]:
    """Return the live secrets in clear of what goes to ``url``: for the demo's receiver alone."""
    keys = WebhookEndpoint.objects.filter(url=url).values_list("pk", flat=True)
    return [opened(secret=row) for row in live_secrets(endpoints=list(keys), at=at)]


def opened(*, secret: WebhookSecret) -> str:
    """Return a secret in clear, for signing alone."""
    context = _context(secret.endpoint, secret.number)
    return sealing.unseal(secret.sealed, context=context).decode()


def _locked(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    row = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    if row.state == _State.REMOVED:
        raise WebhookRemoved
    return row


def _live(at: datetime) -> Q:
    return Q(ends_at=None) | Q(ends_at__gt=at)


def _new_secret(endpoint: WebhookEndpoint, *, number: int, at: datetime) -> str:
    secret = wire.new_secret()
    WebhookSecret.objects.create(
        endpoint=endpoint,
        number=number,
        sealed=sealing.seal(secret.encode(), context=_context(endpoint, number)),
        created_at=at,
    )
    return secret


def _context(endpoint: WebhookEndpoint, number: int) -> str:
    return f"merchants_webhooksecret.sealed:{endpoint.reference}:{number}"


def _known(event_types: Collection[str]) -> list[str]:
    unknown = sorted(set(event_types) - set(EVENT_TYPES))
    if unknown:
        raise EventTypeUnknown(", ".join(unknown))
    chosen: Sequence[str] = [name for name in EVENT_TYPES if name in event_types]
    return [] if len(chosen) == len(EVENT_TYPES) else list(chosen)


def _clear_alert(endpoint: WebhookEndpoint, at: datetime) -> None:
    open_alerts = Alert.objects.filter(kind=PAUSED, subject=endpoint.reference, cleared_at=None)
    open_alerts.update(cleared_at=at)


def _told(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types,
    }


def _record(endpoint: WebhookEndpoint, act: str, actor: Actor, at: datetime, **told: Any) -> None:
    audit.record(
        actor=actor,
        action=f"webhook.{act}",
        subject_kind="webhook",
        subject=endpoint.reference,
        tenant=endpoint.merchant.reference,
        at=at,
        **told,
    )
