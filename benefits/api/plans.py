"""A phone sees what its owner could use, and plans the next purchase (protocol §6)."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benefits.api.serializers import BenefitsAnswer, BenefitsQuery, PlanAnswer, PlanBody
from benefits.selectors import held
from benefits.services import plans
from benefits.services.plans import BestFor, Choice, Wish
from config.api.authentication import signer_of
from config.api.once import idempotent
from config.api.permissions import device_of
from config.models.devices import DeviceKind
from config.wire import b64

PHONE = device_of(DeviceKind.PHONE)


class Benefits(APIView):
    """List all that this customer could use, at one merchant if it is named."""

    permission_classes = [PHONE]

    @extend_schema(
        parameters=[OpenApiParameter("merchant", str)],
        responses=BenefitsAnswer,
    )
    def get(self, request: Request) -> Response:
        query = BenefitsQuery.of_query(request)
        offers = held.offered_to(
            device=signer_of(request), merchant=query.get("merchant"), at=timezone.now()
        )
        return Response(BenefitsAnswer({"benefits": offers}).data)


class Plans(APIView):
    """Plan the next purchase: what to use, behind one number for the till."""

    permission_classes = [PHONE]

    @extend_schema(request=PlanBody, responses={201: PlanAnswer})
    @idempotent
    def post(self, request: Request) -> Response:
        wish = _wish(PlanBody.read(request))
        made = plans.make(device=signer_of(request), wish=wish, at=timezone.now())
        return Response(PlanAnswer(made).data, status=status.HTTP_201_CREATED)


def _wish(body: dict[str, Any]) -> Wish:
    best = body.get("best_for")
    return Wish(
        choices=[Choice(each["benefit"], each.get("amount")) for each in body["selections"]],
        card=b64.encode(body["card"]) if "card" in body else None,
        max_amount_minor=body.get("max_amount"),
        merchant=body.get("merchant"),
        best_for=best and BestFor(best["merchant"], best["amount"], best["currency"]),
    )
