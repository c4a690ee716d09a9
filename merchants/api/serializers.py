"""The shapes of the merchants' answers, and the queries of their lists."""

from typing import Any, Final

from rest_framework import serializers

from config.api.serializers import Counter, StrictSerializer, Text
from merchants.models import WebhookDelivery, WebhookEndpoint

PAGE: Final = 50
PAGE_MAX: Final = 500


class WebhookAnswer(serializers.Serializer[Any]):
    """A webhook; ``events`` is ``["*"]`` where all are sent. Its secret is told only when made."""

    webhook = Text()
    url = Text(max_length=500)
    description = Text(max_length=80)
    events = serializers.ListField(child=Text())
    state = serializers.ChoiceField(choices=WebhookEndpoint.State.choices)
    paused_because = serializers.ChoiceField(
        choices=WebhookEndpoint.PausedBecause.choices, required=False
    )
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        answer: dict[str, Any] = super().to_representation(instance)
        if not answer["paused_because"]:
            del answer["paused_because"]
        return answer


class WebhooksAnswer(serializers.Serializer[Any]):
    """Oldest first, at most 10."""

    webhooks = WebhookAnswer(many=True)


class MessageAnswer(serializers.Serializer[Any]):
    """One message; ``seq``: of the event, null for a test; ``next_try_at`` while it waits."""

    webhook_id = Text()
    seq = Counter(allow_null=True)
    type = Text()
    state = serializers.ChoiceField(choices=WebhookDelivery.State.choices)
    attempts = Counter()
    at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.DateTimeField(source="next_at", required=False)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        answer: dict[str, Any] = super().to_representation(instance)
        if answer["state"] != WebhookDelivery.State.PENDING:
            del answer["next_try_at"]
        return answer


class MessagesAnswer(serializers.Serializer[Any]):
    """Newest first; ``next``: what to pass as ``after`` for older ones, absent at the end."""

    messages = MessageAnswer(many=True)
    next = Text(required=False)


class MessagesQuery(StrictSerializer):
    """``after``: the last ``webhook_id`` seen, "" for the newest; ``state``: "" for all."""

    after = Text(default="", allow_blank=True)
    state = serializers.ChoiceField(
        choices=WebhookDelivery.State.choices, default="", allow_blank=True
    )
    limit = serializers.IntegerField(min_value=1, max_value=PAGE_MAX, default=PAGE)
