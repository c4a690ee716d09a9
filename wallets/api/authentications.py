"""The holder proves on the phone who they are (protocol §7)."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.once import idempotent
from config.api.permissions import device_of
from config.models.devices import DeviceKind
from wallets.api.serializers import AuthenticationAnswer, AuthenticationBody, ChallengeAnswer
from wallets.services import authentications


class Authentications(APIView):
    """Ask for a challenge; exchange its assertion for one act."""

    permission_classes = [device_of(DeviceKind.PHONE)]

    @extend_schema(responses=ChallengeAnswer)
    def get(self, request: Request) -> Response:
        challenge = authentications.challenge(device=signer_of(request), at=timezone.now())
        return Response(ChallengeAnswer({"challenge": challenge}).data)

    @extend_schema(request=AuthenticationBody, responses={201: AuthenticationAnswer})
    @idempotent
    def post(self, request: Request) -> Response:
        body = AuthenticationBody.read(request)
        proved = authentications.prove(device=signer_of(request), **body, at=timezone.now())
        told = AuthenticationAnswer(proved)
        return Response(told.data, status=status.HTTP_201_CREATED)
