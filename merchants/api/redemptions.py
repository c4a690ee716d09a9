"""A machine takes an approval number and says what it paid out (protocol §7)."""

from typing import Any, Final

from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import idempotency
from config.api.authentication import signer_of
from config.api.once import HEADER, idempotent, named, repeats
from config.api.permissions import device_of
from config.api.serializers import Amount, Choice, Counter, Currency, StrictSerializer, Text
from config.models.devices import DeviceKind
from config.repetitions import Call
from settlement.rules.redeeming import Report
from settlement.selectors.preapprovals import to_machine
from settlement.services import redemptions
from settlement.services.redemptions import Asked

MACHINE: Final = device_of(DeviceKind.ATM, DeviceKind.TERMINAL)
KINDS: Final = ["CASH", "GIFT", "LOTTERY"]
STATES: Final = ["IN_PROGRESS", "COMPLETED", "REVERSED", "SUSPENSE"]
OUTCOMES: Final = ["FULL", "PARTIAL", "NONE", "UNKNOWN"]
PICKUP_CODE: Final = RegexValidator(r"^[0-9]{4}\Z", code="invalid")


class RedemptionBody(StrictSerializer):
    """The number typed or scanned, and what was keyed beside it."""

    number = Text(max_length=128)
    kind = Choice(choices=KINDS)
    amount = Amount(required=False)
    currency = Currency(required=False)
    pickup_code = Text(required=False, validators=[PICKUP_CODE])


class CompleteBody(StrictSerializer):
    """What the machine did; ``dispensed`` in minor units; ``journal``: its own words."""

    outcome = Choice(choices=OUTCOMES)
    dispensed = Counter(required=False)
    item_serial = Text(required=False, allow_blank=True)
    journal = Text(required=False, allow_blank=True, max_length=4000)


class ReversalBody(StrictSerializer):
    """The ``Idempotency-Key`` of the request whose answer the machine never heard."""

    key = Text(min_length=idempotency.KEY_MIN, max_length=idempotency.KEY_MAX)


class RedemptionAnswer(serializers.Serializer[Any]):
    """A redemption as it stands; ``item_serial``: the item to hand out, or that was."""

    redemption = Text()
    state = serializers.ChoiceField(choices=STATES)
    kind = serializers.ChoiceField(choices=KINDS)
    amount = serializers.IntegerField()
    currency = Currency()
    item_serial = Text(required=False)
    dispensed = serializers.IntegerField(required=False)


class ReversalAnswer(serializers.Serializer[Any]):
    """``redemption`` is left out where the request never arrived."""

    state = serializers.ChoiceField(choices=["REVERSED"])
    redemption = Text(required=False)


class Redemptions(APIView):
    """Ask to pay out what was approved under a number."""

    permission_classes = [MACHINE]

    @extend_schema(request=RedemptionBody, responses={201: RedemptionAnswer})
    @idempotent
    @repeats(Call.REDEMPTION, named("redemption"))
    def post(self, request: Request) -> Response:
        body = RedemptionBody.read(request)
        asked = Asked(
            number=body["number"],
            kind=body["kind"],
            amount_minor=body.get("amount"),
            currency=body.get("currency", ""),
            pickup_code=body.get("pickup_code", ""),
            key=request.headers.get(HEADER, ""),
        )
        made = redemptions.begin(device=signer_of(request), asked=asked, at=timezone.now())
        return Response(to_machine(made), status=status.HTTP_201_CREATED)


class RedemptionOfMachine(APIView):
    """Tell a machine how its own redemption stands."""

    permission_classes = [MACHINE]

    @extend_schema(responses=RedemptionAnswer)
    def get(self, request: Request, redemption: str) -> Response:
        found = redemptions.seen_by_terminal(device=signer_of(request), reference=redemption)
        return Response(to_machine(found))


class RedemptionComplete(APIView):
    """Say what was paid out."""

    permission_classes = [MACHINE]

    @extend_schema(request=CompleteBody, responses=RedemptionAnswer)
    @idempotent
    @repeats(Call.COMPLETE, named("redemption"))
    def post(self, request: Request, redemption: str) -> Response:
        body = CompleteBody.read(request)
        report = Report(
            outcome=body["outcome"],
            dispensed_minor=body.get("dispensed"),
            item_serial=body.get("item_serial", ""),
            journal=body.get("journal", ""),
        )
        done = redemptions.complete(
            device=signer_of(request), reference=redemption, report=report, at=timezone.now()
        )
        return Response(to_machine(done))


class RedemptionReversals(APIView):
    """Take back a request to redeem whose answer was never heard, come it or not."""

    permission_classes = [MACHINE]

    @extend_schema(request=ReversalBody, responses=ReversalAnswer)
    @idempotent
    @repeats(Call.REVERSE, named("redemption"))
    def post(self, request: Request) -> Response:
        body = ReversalBody.read(request)
        taken_back = redemptions.reverse_request(
            device=signer_of(request), key=body["key"], at=timezone.now()
        )
        of_some = {} if taken_back is None else {"redemption": taken_back.reference}
        return Response({"state": "REVERSED"} | of_some)
