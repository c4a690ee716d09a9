"""A merchant's webhooks for its own server (API key): seen and replayed, never set up.

Where events go is changed by a person with a second factor, or by the operator's command.
"""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import actor_of, key_of
from config.api.once import idempotent
from config.api.permissions import api_key_of_merchant
from config.api.serializers import NoBody
from merchants.api.serializers import (
    MessageAnswer,
    MessagesAnswer,
    MessagesQuery,
    WebhooksAnswer,
)
from merchants.models import WebhookEndpoint
from merchants.selectors import webhooks
from merchants.services.webhooks import replays


def _endpoint(request: Request, reference: str) -> WebhookEndpoint:
    owner = key_of(request).merchant_reference
    return webhooks.webhook_named(reference=reference, merchant=owner)


class Webhooks(APIView):
    """List the merchant's webhooks."""

    permission_classes = [api_key_of_merchant]

    @extend_schema(responses=WebhooksAnswer)
    def get(self, request: Request) -> Response:
        rows = webhooks.webhooks_of_merchant(merchant=key_of(request).merchant_reference)
        told = {"webhooks": [webhooks.as_told(row) for row in rows]}
        return Response(WebhooksAnswer(told).data)


class Messages(APIView):
    """List what was or will be sent to a webhook, newest first."""

    permission_classes = [api_key_of_merchant]

    @extend_schema(parameters=[MessagesQuery], responses=MessagesAnswer)
    def get(self, request: Request, webhook: str, **_kwargs: Any) -> Response:
        query = MessagesQuery.of_query(request)
        endpoint = _endpoint(request, webhook)
        rows = webhooks.page_of_deliveries(endpoint=endpoint, **query)
        more = {"next": rows[-1].webhook_id} if len(rows) == query["limit"] else {}
        return Response({"messages": MessageAnswer(rows, many=True).data} | more)


class Replay(APIView):
    """Send a message again, under the id it had."""

    permission_classes = [api_key_of_merchant]

    @extend_schema(request=NoBody, responses={202: MessageAnswer})
    @idempotent
    def post(self, request: Request, webhook: str, message: str, **_kwargs: Any) -> Response:
        NoBody.read(request)
        sent = replays.replay(
            endpoint=_endpoint(request, webhook),
            webhook_id=message,
            actor=actor_of(request),
            at=timezone.now(),
        )
        return Response(MessageAnswer(sent).data, status=202)
