"""Discovery, enrolment, and what a device is told about itself."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import devices, enrolment
from config.addresses import address_of
from config.api.authentication import NewKeyPrincipal, NewKeySignature, caller_of, signer_of
from config.api.once import idempotent
from config.api.permissions import any_device
from config.api.serializers import Binary, Choice, Integer, StrictSerializer, Text
from config.models.devices import DeviceKind
from config.wire.keys import KID_BYTES, PUBLIC_KEY_BYTES

VERSION = 1
PSN_KEY_BYTES = 32
PHONE_NEEDS = ("app_serial", "psn_key")


class Rns(StrictSerializer):
    """Where the result notification server listens (UDP)."""

    host = Text()
    port = Integer()


class DiscoveryAnswer(StrictSerializer):
    version = Integer()
    sockets = Text(max_length=200)
    rns = Rns()
    platform_key = Binary(length=PUBLIC_KEY_BYTES)


class IssuerKey(StrictSerializer):
    issuer = Text()
    public_key = Binary(length=PUBLIC_KEY_BYTES)


class EnrolmentBody(StrictSerializer):
    code = Text()
    kind = Choice(choices=DeviceKind.choices)
    name = Text(max_length=80, trim_whitespace=True)
    public_key = Binary(length=PUBLIC_KEY_BYTES)
    app_serial = Text(required=False)
    psn_key = Binary(length=PSN_KEY_BYTES, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask a PHONE, and only a PHONE, for what its PIN codes rest on (protocol §3)."""
        is_phone = attrs["kind"] == DeviceKind.PHONE
        wrong = [name for name in PHONE_NEEDS if (name in attrs) != is_phone]
        if wrong:
            told = {name: serializers.ErrorDetail(self._says(is_phone), "phone") for name in wrong}
            raise serializers.ValidationError({name: [detail] for name, detail in told.items()})
        return attrs

    @staticmethod
    def _says(is_phone: bool) -> str:
        return "A phone sends this." if is_phone else "Only a phone sends this."


class EnrolmentAnswer(StrictSerializer):
    device = Text()
    kind = Choice(choices=DeviceKind.choices)
    number = Integer(required=False)
    secret = Binary(length=32, required=False)
    certificate = Binary(required=False)
    platform_key = Binary(length=PUBLIC_KEY_BYTES)
    issuers = IssuerKey(many=True)
    rns = Rns()
    fingerprint = Binary(length=32)


class Window(StrictSerializer):
    """One trusted key and when it is in force."""

    issuer = Text(required=False)
    public_key = Binary(length=PUBLIC_KEY_BYTES)
    until = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add ``from``, which Python does not take for an attribute's name."""
        return super().get_fields() | {"from": serializers.DateTimeField()}


class Trust(StrictSerializer):
    platform = Window(many=True)
    issuers = Window(many=True)


class DeviceConfigQuery(StrictSerializer):
    """``key``: the kid of the platform key the device knows, to sign with while it is trusted."""

    key = Binary(length=KID_BYTES, required=False)


class DeviceConfigAnswer(StrictSerializer):
    """Beside these, the limits of the device's kind."""

    device = Text()
    kind = Choice(choices=DeviceKind.choices)
    issued_at = serializers.DateTimeField()
    trust = Trust()
    signed = Binary()


class Discovery(APIView):
    """Where everything is, for whoever asks."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=DiscoveryAnswer, auth=[])
    def get(self, request: Request) -> Response:
        return Response(
            {
                "version": VERSION,
                "sockets": settings.SOCKETS_ORIGIN,
                "rns": _rns(),
                "platform_key": devices.platform_key(at=timezone.now()),
            }
        )


class Enrolments(APIView):
    """A one-time code makes the key that signed this request into a device."""

    authentication_classes = (NewKeySignature,)
    permission_classes = (IsAuthenticated,)

    @extend_schema(request=EnrolmentBody, responses={201: EnrolmentAnswer})
    @idempotent
    def post(self, request: Request) -> Response:
        caller = caller_of(request)
        assert isinstance(caller, NewKeyPrincipal), "the view knows no other caller"
        body = EnrolmentBody.read(request)
        at = timezone.now()
        enrolled = enrolment.redeem(
            code=body["code"],
            kind=body["kind"],
            name=body["name"],
            key=caller.key,
            body=dict(request.data),
            address=address_of(request.META),
            at=at,
        )
        answer = {"device": enrolled.device.reference, "kind": enrolled.device.kind}
        answer |= enrolled.told | devices.first_trust(at=at) | {"rns": _rns()}
        answer["fingerprint"] = devices.fingerprint(public_key=body["public_key"])
        return Response(answer, status=201)


class DeviceConfig(APIView):
    """Limits, list age, capacities and the trust list, signed by the platform."""

    permission_classes = (any_device,)

    @extend_schema(parameters=[DeviceConfigQuery], responses=DeviceConfigAnswer)
    def get(self, request: Request) -> Response:
        known = {name: told for name, told in request.query_params.items() if name == "key"}
        asked = DeviceConfigQuery(data=known)  # what else the address carries is not ours to judge
        asked.is_valid(raise_exception=True)
        kid = asked.validated_data.get("key")
        device = signer_of(request)
        return Response(devices.configuration(device=device, at=timezone.now(), kid=kid))


def _rns() -> dict[str, str | int]:
    return {"host": settings.RNS_HOST, "port": settings.RNS_PORT}
