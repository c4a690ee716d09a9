"""A till takes a customer's number: the quote, and how the purchase ends (protocol §6)."""

from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benefits.rules.vocabulary import Item
from config.api.authentication import signer_of
from config.api.once import idempotent, named, repeats
from config.api.permissions import device_of
from config.api.serializers import Amount, Counter, Currency, NoBody, StrictSerializer, Text
from config.models.devices import DeviceKind
from config.repetitions import Call
from settlement.selectors import benefit_lines
from settlement.selectors.checkouts import as_told
from settlement.services import checkouts
from settlement.services.checkouts import Asked

TERMINAL: Final = device_of(DeviceKind.TERMINAL)
ITEMS_MAX: Final = 500
QUANTITY_MAX: Final = 1_000_000
STATES: Final = [
    *("QUOTED", "CONSENT_REQUIRED", "APPROVING", "PAID"),
    *("DECLINED", "ABANDONED", "EXPIRED", "REVERSED"),
]


class ItemBody(StrictSerializer):
    """An article of the basket; ``amount`` is for all of its ``quantity`` together."""

    sku = Text()
    amount = Amount()
    quantity = Counter(min_value=1, max_value=QUANTITY_MAX)


class CheckoutBody(StrictSerializer):
    """What the till read, and what is bought; ``items`` may name a part of the amount."""

    code = Text()
    amount = Amount()
    currency = Currency()
    order = Text(required=False, default="", allow_blank=True)
    items = serializers.ListField(
        child=ItemBody(), required=False, default=list, max_length=ITEMS_MAX
    )


class ConfirmBody(StrictSerializer):
    tender = serializers.ChoiceField(choices=["CASH", "CARD"])


class CheckoutLineAnswer(serializers.Serializer[Any]):
    """What one benefit pays, in minor units; ``why``: a stable code, with its figures."""

    benefit = Text()
    kind = Text()
    sponsor = Text()
    amount = serializers.IntegerField()
    why = Text()
    facts = serializers.DictField()


class SkippedAnswer(serializers.Serializer[Any]):
    benefit = Text()
    kind = Text()
    why = Text()
    facts = serializers.DictField()


class CheckoutAnswer(serializers.Serializer[Any]):
    """A checkout as it stands; ``remainder``: what the benefits leave to pay, in minor units."""

    checkout = Text()
    state = serializers.ChoiceField(choices=STATES)
    amount = serializers.IntegerField()
    currency = Currency()
    lines = CheckoutLineAnswer(many=True)
    skipped = SkippedAnswer(many=True)
    remainder = serializers.IntegerField()
    expires_at = Text()
    tender = Text(required=False)
    approval_code = Text(required=False)
    decline_reason = Text(required=False)


class Checkouts(APIView):
    """Take a plan by its number; with a payment number, the payment at once."""

    permission_classes = [TERMINAL]

    @extend_schema(
        request=CheckoutBody,
        responses={201: CheckoutAnswer, 202: CheckoutAnswer},
    )
    @idempotent
    @repeats(Call.CHECKOUT, named("checkout"))
    def post(self, request: Request) -> Response:
        body = CheckoutBody.read(request)
        items = [
            Item(sku=each["sku"], amount_minor=each["amount"], quantity=each["quantity"])
            for each in body["items"]
        ]
        asked = Asked(body["code"], body["amount"], body["currency"], body["order"], items)
        begun = checkouts.begin(device=signer_of(request), asked=asked, at=timezone.now())
        goes_on = begun.checkout.state == "APPROVING"
        lines = benefit_lines.told(lines=begun.lines, payers=begun.payers)
        return Response(
            as_told(begun.checkout, lines=lines),
            status=status.HTTP_202_ACCEPTED if goes_on else status.HTTP_201_CREATED,
        )


class CheckoutOfTerminal(APIView):
    """Tell a terminal how its own checkout stands."""

    permission_classes = [TERMINAL]

    @extend_schema(responses=CheckoutAnswer)
    def get(self, request: Request, checkout: str) -> Response:
        found = checkouts.seen_by_terminal(
            device=signer_of(request), reference=checkout, at=timezone.now()
        )
        return Response(as_told(found))


class CheckoutConfirm(APIView):
    """The remainder was paid at the till."""

    permission_classes = [TERMINAL]

    @extend_schema(request=ConfirmBody, responses=CheckoutAnswer)
    @idempotent
    @repeats(Call.CONFIRM, named("checkout"))
    def post(self, request: Request, checkout: str) -> Response:
        body = ConfirmBody.read(request)
        done = checkouts.confirm(
            device=signer_of(request),
            reference=checkout,
            tender=body["tender"],
            at=timezone.now(),
        )
        return Response(as_told(done))


class CheckoutAbandon(APIView):
    """Release all that a checkout holds."""

    permission_classes = [TERMINAL]

    @extend_schema(request=None, responses=CheckoutAnswer)
    @idempotent
    @repeats(Call.ABANDON, named("checkout"))
    def post(self, request: Request, checkout: str) -> Response:
        NoBody.read(request)
        done = checkouts.abandon(device=signer_of(request), reference=checkout, at=timezone.now())
        return Response(as_told(done))


class CheckoutCancel(APIView):
    """Take a paid checkout back, money and benefits; abandon one that is open."""

    permission_classes = [TERMINAL]

    @extend_schema(request=None, responses=CheckoutAnswer)
    @idempotent
    @repeats(Call.CANCEL, named("checkout"))
    def post(self, request: Request, checkout: str) -> Response:
        NoBody.read(request)
        done = checkouts.cancel(device=signer_of(request), reference=checkout, at=timezone.now())
        return Response(as_told(done))
