"""A customer's cards on a phone: listed, certified, frozen by their owner (protocol §3.1)."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import actor_of, signer_of
from config.api.once import idempotent
from config.api.permissions import device_of
from config.api.serializers import NoBody
from config.models.devices import DeviceKind
from config.wire import b64
from issuers.services import cards
from wallets.api.serializers import (
    CardsAnswer,
    CertificateAnswer,
    CertificateBody,
    PendingAnswer,
    PinBody,
)
from wallets.selectors.cards import card_of, cards_of
from wallets.services import certificates, freezes, pins

PHONE = device_of(DeviceKind.PHONE)


class CardList(APIView):
    """List the customer's cards with what each may still spend."""

    permission_classes = [PHONE]

    @extend_schema(responses=CardsAnswer)
    def get(self, request: Request) -> Response:
        told = cards_of(device=signer_of(request))
        return Response(CardsAnswer({"cards": told}).data)


class CardCertificate(APIView):
    """Put a card on this phone: a certificate for the card's own key."""

    permission_classes = [PHONE]

    @extend_schema(request=CertificateBody, responses={201: CertificateAnswer, 202: PendingAnswer})
    @idempotent
    def post(self, request: Request, card: str) -> Response:
        body = CertificateBody.read(request)
        device = signer_of(request)
        mine = card_of(device=device, reference=card)
        credential = certificates.ask(
            card=mine,
            device=device,
            public_key=body["public_key"],
            authentication=body.get("authentication", ""),
            at=timezone.now(),
        )
        if credential is None:
            return Response({"state": "PENDING"}, status=status.HTTP_202_ACCEPTED)
        assert credential.certificate is not None  # signed before it is handed out
        told = {
            "certificate": b64.encode(bytes(credential.certificate)),
            "list_number": credential.list_number,
        }
        return Response(told, status=status.HTTP_201_CREATED)


class CardFreeze(APIView):
    """Stop the card at its owner's wish, at once for every online channel."""

    permission_classes = [PHONE]

    @extend_schema(request=None, responses=CardsAnswer)
    @idempotent
    def post(self, request: Request, card: str) -> Response:
        NoBody.read(request)
        device = signer_of(request)
        mine = card_of(device=device, reference=card)
        cards.freeze(card=mine, actor=actor_of(request), at=timezone.now())
        return Response({"card": card, "state": _state(request, card)})


class CardUnfreeze(APIView):
    """End the owner's own freeze; an issuer's block stays."""

    permission_classes = [PHONE]

    @extend_schema(request=None, responses=CardsAnswer)
    @idempotent
    def post(self, request: Request, card: str) -> Response:
        NoBody.read(request)
        device = signer_of(request)
        mine = card_of(device=device, reference=card)
        freezes.unfreeze(card=mine, device=device, actor=actor_of(request), at=timezone.now())
        return Response({"card": card, "state": _state(request, card)})


class PinChange(APIView):
    """Replace the PIN's key, proved by a code of the old one."""

    permission_classes = [PHONE]

    @extend_schema(request=PinBody, responses={200: None})
    @idempotent
    def post(self, request: Request) -> Response:
        pins.change(device=signer_of(request), **PinBody.read(request), at=timezone.now())
        return Response({"changed": True})


def _state(request: Request, card: str) -> str:
    told = cards_of(device=signer_of(request))
    return next(item.state for item in told if item.card.reference == card)
