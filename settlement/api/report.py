"""The report of mission 1.16 for a merchant's own server: the figures its page shows."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import key_of
from config.api.permissions import api_key_of_merchant
from config.api.serializers import Counter, Currency, StrictSerializer, Text
from merchants.selectors.shops import merchant_named
from settlement.rules.sheet import business_date
from settlement.selectors import report


class ReportQuery(StrictSerializer):
    """``from`` and ``to``: business days, both inclusive; without them the last 30."""

    to = serializers.DateField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; one has a name that Python keeps for itself."""
        return {"from": serializers.DateField(required=False)} | super().get_fields()


class Summed(serializers.Serializer[Any]):
    """``amount`` in minor units over ``count`` payments; null over none."""

    amount = serializers.IntegerField(allow_null=True)
    count = Counter()


class Share(serializers.Serializer[Any]):
    """The offline part of all ``count`` payments, 0 to 1; null of none."""

    of_count = serializers.FloatField(allow_null=True)
    of_amount = serializers.FloatField(allow_null=True)
    count = Counter()


class Averaged(serializers.Serializer[Any]):
    """A mean over ``count`` payments; null over none."""

    mean_ms = serializers.IntegerField(allow_null=True)
    count = Counter()


class Times(serializers.Serializer[Any]):
    """From the tap, of a T-ID from the customer's consent, to the approval by the stored times."""

    online = Averaged()
    offline = Averaged()


class Figures(serializers.Serializer[Any]):
    """The figures of one currency."""

    currency = Currency()
    offline = Summed()
    online = Summed()
    offline_share = Share()
    saved_fees = Summed()
    approval_time = Times()
    posted_after = Averaged()


class ReportAnswer(serializers.Serializer[Any]):
    """A merchant's report; ``reports`` is empty where no payment stands in the books."""

    to = serializers.DateField()
    time_zone = Text()
    reports = Figures(many=True)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; one has a name that Python keeps for itself."""
        return {"from": serializers.DateField()} | super().get_fields()


class MerchantReport(APIView):
    """Tell offline share, saved fees and mean approval times, each with its count."""

    permission_classes = [api_key_of_merchant]

    @extend_schema(parameters=[ReportQuery], responses=ReportAnswer)
    def get(self, request: Request) -> Response:
        query = ReportQuery.of_query(request)
        merchant = merchant_named(key_of(request).merchant_reference)
        today = business_date(at=int(timezone.now().timestamp()), time_zone=merchant.time_zone)
        days = report.days_of(since=query.get("from"), until=query.get("to"), today=today)
        told = report.of(merchants=[merchant.pk], days=days)
        return Response(
            {
                "from": days.since.isoformat(),
                "to": days.until.isoformat(),
                "time_zone": merchant.time_zone,
                "reports": [report.as_told(each) for each in told],
            }
        )
