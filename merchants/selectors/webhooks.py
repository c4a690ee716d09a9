"""What a person, a merchant's own server or the desk may see of webhooks."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q, QuerySet

from config.refusals import NotFound
from config.roles import Right
from merchants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from merchants.selectors.shops import merchants_visible_to

LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Messages of an endpoint about events of the last 24 hours, and what waits of any age."""

    delivered: int = 0
    failed: int = 0
    waiting: int = 0


def webhooks_visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[WebhookEndpoint]:
    """Return the webhooks, but removed ones, of the merchants that ``user`` may set up."""
    rows = WebhookEndpoint.objects.filter(merchant__in=merchants_visible_to(user, Right.EDIT_SHOP))
    return rows.exclude(state=WebhookEndpoint.State.REMOVED).select_related("merchant")


def webhooks_of_merchant(*, merchant: str) -> QuerySet[WebhookEndpoint]:
    """Return the webhooks, but removed ones, of the merchant with that reference, oldest first."""
    rows = WebhookEndpoint.objects.filter(merchant__reference=merchant)
    return rows.exclude(state=WebhookEndpoint.State.REMOVED).order_by("pk")


def webhook_named(*, reference: str, merchant: str = "") -> WebhookEndpoint:
    """Return a webhook that was not removed; ``merchant``: whose it must be, "" for anybody's.

    :raises NotFound: there is none
    """
    rows = WebhookEndpoint.objects.exclude(state=WebhookEndpoint.State.REMOVED)
    rows = rows.filter(merchant__reference=merchant) if merchant else rows
    found = rows.select_related("merchant").filter(reference=reference).first()
    if found is None:
        raise NotFound(f"No webhook {reference}.")
    return found


def deliveries_of(*, endpoint: WebhookEndpoint, state: str = "") -> QuerySet[WebhookDelivery]:
    """Return what was or will be sent there, newest first; ``state``: "" for every state."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint)
    return (rows.filter(state=state) if state else rows).order_by("-id")


def page_of_deliveries(
    *, endpoint: WebhookEndpoint, after: str, state: str, limit: int
) -> list[WebhookDelivery]:
    """Return up to ``limit`` older than the one named ``after`` ("": the newest).

    :raises NotFound: the endpoint has no message of that id
    """
    rows = deliveries_of(endpoint=endpoint, state=state)
    if after:
        rows = rows.filter(pk__lt=delivery_named(endpoint=endpoint, webhook_id=after).pk)
    return list(rows[:limit])


def delivery_named(*, endpoint: WebhookEndpoint, webhook_id: str) -> WebhookDelivery:
    """Return one message of an endpoint.

    :raises NotFound: it has none of that id
    """
    found = deliveries_of(endpoint=endpoint).filter(webhook_id=webhook_id).first()
    if found is None:
        raise NotFound
    return found


def attempts_of(*, delivery: WebhookDelivery) -> list[WebhookAttempt]:
    """Return each attempt at a message, the latest first."""
    return list(WebhookAttempt.objects.filter(delivery_id=delivery.pk).order_by("-number", "-id"))


def latest_attempts(*, deliveries: Collection[WebhookDelivery]) -> dict[int, WebhookAttempt]:
    """Return the latest attempt at each of ``deliveries``, by the delivery's key: one query."""
    rows = WebhookAttempt.objects.filter(delivery_id__in=[row.pk for row in deliveries])
    newest = rows.order_by("delivery_id", "-number", "-id").distinct("delivery_id")
    return {attempt.delivery_id: attempt for attempt in newest}


def traffic_of(*, endpoints: Iterable[WebhookEndpoint], at: datetime) -> dict[int, Traffic]:
    """Return how much went to each endpoint lately, by its key: two queries."""
    keys = [endpoint.pk for endpoint in endpoints]
    rows = WebhookDelivery.objects.filter(endpoint__in=keys).order_by().values("endpoint")
    state = WebhookDelivery.State
    waiting = rows.filter(state=state.PENDING).annotate(waiting=Count("pk"))
    told: dict[int, dict[str, int]] = {key: {} for key in keys}
    for row in waiting.values_list("endpoint", "waiting"):
        told[row[0]]["waiting"] = row[1]
    lately = rows.filter(at__gte=at - LATELY, at__lte=at).annotate(
        delivered=Count("pk", filter=Q(state=state.DELIVERED)),
        failed=Count("pk", filter=Q(state=state.FAILED)),
    )
    for key, delivered, failed in lately.values_list("endpoint", "delivered", "failed"):
        told[key] |= {"delivered": delivered, "failed": failed}
    return {key: Traffic(**counts) for key, counts in told.items()}


def paused_by_itself(*, merchant: str) -> int:
    """Return how many of a merchant's webhooks were paused for failing."""
    rows = webhooks_of_merchant(merchant=merchant).filter(state=WebhookEndpoint.State.PAUSED)
    return rows.exclude(paused_because=WebhookEndpoint.PausedBecause.PERSON).count()


def pending_in(*, first: datetime, until: datetime, **_newer: object) -> str:
    """Return why a month of deliveries must stay: some of it is still to be sent."""
    rows = WebhookDelivery.objects.filter(at__gte=first, at__lt=until)
    waits = rows.filter(state=WebhookDelivery.State.PENDING).exists()
    return "webhooks that were not delivered" if waits else ""


def as_told(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return a webhook as commands and the API tell it: its secret is told once, elsewhere."""
    return {
        "webhook": endpoint.reference,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.event_types or ["*"],
        "state": endpoint.state,
        "paused_because": endpoint.paused_because,
        "created_at": endpoint.created_at,
    }
