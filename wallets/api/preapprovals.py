"""A customer has a transaction approved beforehand, lists and cancels (protocol §7)."""

from collections.abc import Mapping
from typing import Any, Final

from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.once import idempotent, named, repeats
from config.api.permissions import device_of
from config.api.serializers import (
    Amount,
    Boolean,
    CardToken,
    Choice,
    Currency,
    Integer,
    StrictSerializer,
    Text,
)
from config.models.devices import DeviceKind
from config.repetitions import Call
from settlement.selectors.preapprovals import new_to_phone, of_customer, to_phone
from settlement.services import preapprovals
from settlement.services.preapprovals import Bound, Wish

PHONE: Final = device_of(DeviceKind.PHONE)
KINDS: Final = ["CASH", "GIFT", "LOTTERY"]
MACHINES: Final = ["ATM", "TERMINAL"]
PICKUP_CODE: Final = RegexValidator(r"^[0-9]{4}\Z", code="invalid")
VALID_S_MAX: Final = 10**9


class BoundBody(StrictSerializer):
    """Where alone the number shall work: a kind of machine, a merchant, one machine."""

    kind = Choice(choices=MACHINES, required=False)
    merchant = Text(required=False)
    terminal = Text(required=False)


# A field named ``partial`` is no clash with a serializer's own flag: fields leave the class.
class PreapprovalBody(StrictSerializer):
    """What is to be approved, after the holder proved to be there."""

    authentication = Text()
    kind = Choice(choices=KINDS)
    card = CardToken()
    amount = Amount()
    currency = Currency()
    valid_s = Integer(required=False, min_value=1, max_value=VALID_S_MAX)
    bound_to = BoundBody(required=False)
    partial = Boolean(required=False, default=False)  # type: ignore[assignment]  # as above
    pickup_code = Text(required=False, validators=[PICKUP_CODE])


class PreapprovalAnswer(serializers.Serializer[Any]):
    """A pre-approval; ``number`` and ``code`` (to scan) are told when it is made, and never again.

    A decline has ``decline_reason`` instead.
    """

    preapproval = Text()
    kind = serializers.ChoiceField(choices=KINDS)
    state = Text()
    card = CardToken()
    amount = serializers.IntegerField()
    currency = Currency()
    partial = serializers.BooleanField()  # type: ignore[assignment]  # as above
    pickup_code_needed = serializers.BooleanField()
    made_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField()
    bound_to = serializers.DictField(required=False)
    decline_reason = Text(required=False)
    ending = Text(required=False)
    dispensed = serializers.IntegerField(required=False)
    number = Text(required=False)
    code = Text(required=False)


class PreapprovalsAnswer(serializers.Serializer[Any]):
    """Newest first; ``next``: what to pass as ``after`` for older ones, left out at the end."""

    preapprovals = PreapprovalAnswer(many=True)
    next = Text(required=False)


class Preapprovals(APIView):
    """Have an amount approved; list the customer's own."""

    permission_classes = [PHONE]

    @extend_schema(
        parameters=[OpenApiParameter("after", str, description="the last `next`")],
        responses=PreapprovalsAnswer,
    )
    def get(self, request: Request) -> Response:
        after = request.query_params.get("after", "")
        page = of_customer(device=signer_of(request), after=after, at=timezone.now())
        more = {"next": page.next} if page.next else {}
        return Response({"preapprovals": page.rows} | more)

    @extend_schema(request=PreapprovalBody, responses={201: PreapprovalAnswer})
    @idempotent
    @repeats(Call.PREAPPROVAL, named("preapproval"))
    def post(self, request: Request) -> Response:
        now = timezone.now()
        made = preapprovals.approve_proved(
            device=signer_of(request),
            authentication=_proof(request),
            read=lambda: _wish(request),
            at=now,
        )
        shown = new_to_phone(made.preapproval, number=made.number, at=now)
        return Response(shown, status=status.HTTP_201_CREATED)


class PreapprovalOfCustomer(APIView):
    """Cancel a pre-approval while no machine has it."""

    permission_classes = [PHONE]

    @extend_schema(responses=PreapprovalAnswer)
    @idempotent
    @repeats(Call.CANCEL, named("preapproval"))
    def delete(self, request: Request, preapproval: str) -> Response:
        now = timezone.now()
        ended = preapprovals.cancel(device=signer_of(request), reference=preapproval, at=now)
        return Response(to_phone(ended, at=now))


def _proof(request: Request) -> str:
    sent = request.data.get("authentication") if isinstance(request.data, Mapping) else ""
    return sent if isinstance(sent, str) else ""


def _wish(request: Request) -> Wish:
    body = PreapprovalBody.read(request)
    return Wish(
        authentication=body["authentication"],
        kind=body["kind"],
        card=body["card"],
        amount_minor=body["amount"],
        currency=body["currency"],
        valid_s=body.get("valid_s"),
        bound=Bound(**body.get("bound_to", {})),
        partial=body["partial"],
        pickup_code=body.get("pickup_code", ""),
    )
