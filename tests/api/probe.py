"""Routes that exist for these tests alone: a count to move, and every way to fail."""

import time

from django.db import OperationalError
from django.http import Http404
from django.urls import include, path
from django.utils import timezone
from rest_framework.exceptions import Throttled
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import actor_of, caller_of
from config.api.healthz import healthz
from config.api.once import idempotent
from config.api.parsers import SignedObject
from config.api.permissions import any_device, api_key_of_merchant, device_of
from config.api.serializers import Amount, Binary, CardToken, Currency, StrictSerializer, Text
from config.models import Alert
from config.refusals import NotFound, Refused


class TidUnknown(Refused):
    code = "tid_unknown"
    status = 404


class RelayFull(Refused):
    code = "relay_full"
    status = 507


class CodeWrong(Refused):
    code = "code_wrong"


class Entry(StrictSerializer):
    record = Binary()


class CountBody(StrictSerializer):
    subject = Text()
    amount = Amount(required=False)
    currency = Currency(required=False)
    card = CardToken(required=False)
    entries = Entry(many=True, required=False)
    pause_s = Text(required=False)
    fail = Text(required=False)


FAULTS = {
    "tid_unknown": lambda: TidUnknown(retry_after_s=1),
    "relay_full": RelayFull,
    "code_wrong": CodeWrong,
    "not_found": NotFound,
    "missing": Http404,
    "throttled": lambda: Throttled(wait=30),
    "fault": ZeroDivisionError,
    "database": lambda: OperationalError("deadlock detected"),
}


class Count(APIView):
    permission_classes = (any_device,)

    @idempotent
    def post(self, request):
        body = CountBody.read(request)
        Alert.objects.create(
            kind="count",
            subject=body["subject"],
            tenant=caller_of(request).caller,
            detail=actor_of(request).address,
            raised_at=timezone.now(),
            cleared_at=timezone.now(),
        )
        time.sleep(float(body.get("pause_s", "0")))
        if fail := body.get("fail"):
            raise FAULTS[fail]()  # noqa: RSE102  (some take arguments)
        return Response({"count": Alert.objects.count(), "at": timezone.now()}, status=201)


class CountOfServers(Count):
    permission_classes = (api_key_of_merchant,)


class TerminalsOrServers(APIView):
    permission_classes = (device_of("TERMINAL") | api_key_of_merchant,)

    def get(self, request):
        return Response({"caller": caller_of(request).caller})


class TerminalsOnly(APIView):
    permission_classes = (device_of("TERMINAL"),)

    def get(self, request):
        return Response({})


class Batch(APIView):
    permission_classes = (any_device,)
    parser_classes = (SignedObject,)

    @idempotent
    def post(self, request):
        return Response({"bytes": len(request.data)}, status=202)


urlpatterns = [
    path("api/v1/count", Count.as_view()),
    path("api/v1/count/of-servers", CountOfServers.as_view()),
    path("api/v1/batch", Batch.as_view()),
    path("api/v1/terminals", TerminalsOnly.as_view()),
    path("api/v1/terminals-or-servers", TerminalsOrServers.as_view()),
    path("api/v1/", include("config.api.urls")),
    path("healthz", healthz),
]
handler400 = "config.faults.bad_request"
handler404 = "config.faults.not_found"
handler500 = "config.faults.server_error"
