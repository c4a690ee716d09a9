"""A phone is asked about a purchase that its payment number does not cover (protocol §6)."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.once import idempotent, named, repeats
from config.api.serializers import Counter, Currency, StrictSerializer, Text
from config.repetitions import Call
from settlement.selectors import benefit_lines
from settlement.selectors.checkouts import waiting_for
from settlement.services import checkouts
from settlement.services.checkouts.consents import Seen
from wallets.api.purchases import PHONE, ApproveAnswer, MerchantNamed, as_decided
from wallets.api.serializers import PIN_CODE


class CheckoutWaiting(serializers.Serializer[Any]):
    """What the customer is shown before the PIN; amounts in minor units."""

    checkout = Text()
    merchant = MerchantNamed()
    amount = serializers.IntegerField()
    currency = Currency()
    lines = serializers.ListField(child=serializers.DictField())
    remainder = serializers.IntegerField()
    expires_at = Text()


class CheckoutsAnswer(serializers.Serializer[Any]):
    checkouts = CheckoutWaiting(many=True)


class CheckoutApproveBody(StrictSerializer):
    """Consent to exactly what was shown, proved by a PIN code over the plan's number."""

    merchant = Text()
    remainder = Counter()
    currency = Currency()
    counter = Counter(min_value=1)
    pin_code = serializers.RegexField(PIN_CODE)


class Checkouts(APIView):
    """List the checkouts that wait for this phone."""

    permission_classes = [PHONE]

    @extend_schema(responses=CheckoutsAnswer)
    def get(self, request: Request) -> Response:
        found = waiting_for(device=signer_of(request), at=timezone.now())
        return Response({"checkouts": found})


class CheckoutApprove(APIView):
    """Pay what is left of a checkout with the plan's card, after the PIN."""

    permission_classes = [PHONE]

    @extend_schema(request=CheckoutApproveBody, responses={200: ApproveAnswer, 202: ApproveAnswer})
    @idempotent
    @repeats(Call.CONSENT, named("checkout"))
    def post(self, request: Request, checkout: str) -> Response:
        body = CheckoutApproveBody.read(request)
        seen = Seen(
            merchant=body["merchant"],
            remainder_minor=body["remainder"],
            currency=body["currency"],
            counter=body["counter"],
            pin_code=body["pin_code"],
        )
        word = checkouts.approve(
            device=signer_of(request), reference=checkout, seen=seen, at=timezone.now()
        )
        return as_decided(word, lines=benefit_lines.of_one(document=word.document))
