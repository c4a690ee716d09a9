"""A merchant's payments and events, for its own server (API key)."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import key_of
from config.api.permissions import api_key_of_merchant
from settlement.api.serializers import (
    EventsAnswer,
    EventsQuery,
    FoundAnswer,
    PaymentAnswer,
    PaymentsAnswer,
    PaymentSearchBody,
    PaymentsQuery,
)
from settlement.selectors import payments


class Events(APIView):
    """List the merchant's events after a ``seq``: the truth that sockets only hint at."""

    permission_classes = [api_key_of_merchant]

    @extend_schema(parameters=[EventsQuery], responses=EventsAnswer)
    def get(self, request: Request) -> Response:
        query = EventsQuery.of_query(request)
        rows = payments.live_rows(merchant=key_of(request).merchant_reference, **query)
        told = [payments.event_as_told(row) for row in rows]
        following = told[-1]["seq"] if told else query["after"]
        # The floor is read after the events: what retires meanwhile is never taken for a gap.
        floor = payments.floor_of_events(merchant=key_of(request).merchant_reference)
        return Response({"events": told, "next": following, "floor": floor})


class Payments(APIView):
    """List the merchant's payments, newest first."""

    permission_classes = [api_key_of_merchant]

    @extend_schema(parameters=[PaymentsQuery], responses=PaymentsAnswer)
    def get(self, request: Request) -> Response:
        query = PaymentsQuery.of_query(request)
        rows = payments.page_of_merchant(merchant=key_of(request).merchant_reference, **query)
        told = [payments.as_told(row) for row in rows]
        more = {"next": rows[-1].reference} if len(rows) == query["limit"] else {}
        return Response({"payments": told} | more)


class PaymentSearch(APIView):
    """Find the merchant's payments by what a receipt, a code or a till shows.

    By POST: a number that is shown once belongs into no address.
    """

    permission_classes = [api_key_of_merchant]

    @extend_schema(request=PaymentSearchBody, responses=FoundAnswer)
    def post(self, request: Request) -> Response:
        rows = payments.found_of_merchant(
            merchant=key_of(request).merchant_reference,
            typed=PaymentSearchBody.read(request)["typed"],
            at=timezone.now(),
        )
        return Response({"payments": [payments.as_told(row) for row in rows]})


class Payment(APIView):
    """Tell one payment of the merchant."""

    permission_classes = [api_key_of_merchant]

    @extend_schema(responses=PaymentAnswer)
    def get(self, request: Request, payment: str, **_kwargs: Any) -> Response:
        row = payments.payment_of_merchant(
            merchant=key_of(request).merchant_reference, reference=payment
        )
        return Response(payments.as_told(row))
