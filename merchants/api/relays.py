"""What a relay is told of the terminals whose bills it takes (protocol §4.1)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.permissions import device_of
from config.api.serializers import Binary, Counter, Text
from config.models.devices import DeviceKind
from config.wire import b64
from merchants.services import relays


class Named(serializers.Serializer[Any]):
    id = Text()
    name = Text()


class PairedTerminal(serializers.Serializer[Any]):
    device = Text()
    number = Counter()
    merchant = Named()
    public_key = Binary()


class TerminalsAnswer(serializers.Serializer[Any]):
    terminals = PairedTerminal(many=True)


class Terminals(APIView):
    """List the relay's paired terminals."""

    permission_classes = [device_of(DeviceKind.RELAY)]

    @extend_schema(responses=TerminalsAnswer)
    def get(self, request: Request) -> Response:
        told = [
            {
                "device": each.device,
                "number": each.number,
                "merchant": {"id": each.merchant, "name": each.merchant_name},
                "public_key": b64.encode(each.public_key),
            }
            for each in relays.terminals_of(relay=signer_of(request))
        ]
        return Response({"terminals": told})
