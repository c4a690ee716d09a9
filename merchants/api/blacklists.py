"""Blacklists for readers: immutable signed files, full or delta (protocol §5.1)."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.permissions import device_of
from config.api.serializers import StrictSerializer
from config.models.devices import DeviceKind
from issuers.services.blacklist.fetching import fetch

COSE = "application/cose"


class FetchQuery(StrictSerializer):
    """``have``: the version held, 0 for none."""

    have = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)


class BlacklistFetch(APIView):
    """Give a reader what leads from the version it has to the newest; 204 when it is current."""

    permission_classes = [device_of(DeviceKind.READER, DeviceKind.TERMINAL)]

    @extend_schema(
        parameters=[FetchQuery],
        responses={(200, COSE): OpenApiTypes.BINARY, 204: None, 304: None},
    )
    def get(self, request: Request, issuer: str, **_kwargs: Any) -> HttpResponse:
        have = FetchQuery.of_query(request)["have"]
        download = fetch(device=signer_of(request), issuer=issuer, have=have, at=timezone.now())
        if download.content is None:
            return HttpResponse(status=204)
        etag = f'"{download.etag}"'
        if request.headers.get("If-None-Match") == etag:
            return HttpResponse(status=304, headers={"ETag": etag})
        headers = {"ETag": etag, "Cache-Control": "private, max-age=0, must-revalidate"}
        return HttpResponse(download.content, content_type=COSE, headers=headers)
