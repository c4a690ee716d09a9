"""A terminal asks to be paid, looks, cancels and gives back (protocol §4.1)."""

from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import DevicePrincipal, actor_of, caller_of, signer_of
from config.api.once import idempotent, named, repeats
from config.api.permissions import api_key_of_merchant, device_of
from config.api.serializers import Amount, Binary, Currency, NoBody, StrictSerializer, Text
from config.api.views import Rns
from config.models.devices import DeviceKind
from config.repetitions import Call
from merchants.selectors import notifications
from settlement.rules import told
from settlement.rules.requests import Request as Payment
from settlement.selectors import benefit_lines
from settlement.selectors.payments import reference_of
from settlement.services import payments
from settlement.services.payments.requests import Asked

TERMINAL: Final = device_of(DeviceKind.TERMINAL)
DIGEST_BYTES: Final = 32
REASON_MAX: Final = 200
DELIVERIES: Final = ["NONE", "PENDING", "SENT", "DELIVERED", "UNDELIVERED"]


class RequestBody(StrictSerializer):
    """A request to pay under the terminal's own T-ID; ``bill_digest``: SHA-256 of its bill."""

    tid = Text()
    amount = Amount()
    currency = Currency()
    order = Text(required=False, default="", allow_blank=True)
    bill_digest = Binary(length=DIGEST_BYTES, required=False, default=None)


class RequestAnswer(serializers.Serializer[Any]):
    """The request as it stands; ``amount`` in minor units."""

    tid = Text()
    state = Text()
    amount = serializers.IntegerField()
    currency = Currency()
    expires_at = Text()
    rns = Rns()


class PaymentAnswer(serializers.Serializer[Any]):
    """The payment as its terminal may see it: no card, no customer."""

    tid = Text()
    state = Text()
    amount = serializers.IntegerField()
    currency = Currency()
    approved_at = Text(required=False)
    approval_code = Text(required=False)
    decline_reason = Text(required=False)
    lines = serializers.ListField(child=serializers.DictField())
    refunded = serializers.IntegerField()
    delivery = serializers.ChoiceField(choices=DELIVERIES)


class RefundBody(StrictSerializer):
    amount = Amount()
    reason = Text(max_length=REASON_MAX, required=False, default="", allow_blank=True)


class RefundAnswer(serializers.Serializer[Any]):
    """What was given back; ``refundable``: what is left of the payment, in minor units."""

    refund = Text()
    amount = serializers.IntegerField()
    lines = serializers.ListField(child=serializers.DictField())
    refundable = serializers.IntegerField()


class PaymentRequests(APIView):
    """Take in a request to pay; a resend gets the same answer."""

    permission_classes = [TERMINAL]

    @extend_schema(request=RequestBody, responses={201: RequestAnswer})
    @idempotent
    @repeats(Call.REQUEST, named("tid"))
    def post(self, request: Request) -> Response:
        body = RequestBody.read(request)
        asked = Asked(
            body["tid"], body["amount"], body["currency"], body["order"], body["bill_digest"]
        )
        made, is_new = payments.request(device=signer_of(request), asked=asked, at=timezone.now())
        answer = {
            "tid": made.tid,
            "state": made.state,
            "amount": made.amount_minor,
            "currency": made.currency,
            "expires_at": told.time(made.expires_at),
            "rns": {"host": settings.RNS_HOST, "port": settings.RNS_PORT},
        }
        return Response(answer, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class PaymentOfTerminal(APIView):
    """Tell a terminal how its own payment stands."""

    permission_classes = [TERMINAL]

    @extend_schema(responses=PaymentAnswer)
    def get(self, request: Request, tid: str) -> Response:
        found = payments.seen_by_terminal(device=signer_of(request), tid=tid, at=timezone.now())
        return Response(_as_seen(found))


class PaymentCancel(APIView):
    """Cancel what is open; reverse what was approved first."""

    permission_classes = [TERMINAL]

    @extend_schema(request=None, responses=PaymentAnswer)
    @idempotent
    @repeats(Call.CANCEL, named("tid"))
    def post(self, request: Request, tid: str) -> Response:
        NoBody.read(request)
        ended = payments.cancel(device=signer_of(request), tid=tid, at=timezone.now())
        return Response(_as_seen(ended))


class Refunds(APIView):
    """Give back of a payment: its terminal by the T-ID, its merchant's server by either name."""

    permission_classes = [TERMINAL | api_key_of_merchant]

    @extend_schema(request=RefundBody, responses={201: RefundAnswer})
    @idempotent
    @repeats(Call.REFUND, named("name"))
    def post(self, request: Request, name: str) -> Response:
        body = RefundBody.read(request)
        caller = caller_of(request)
        device = caller.device if isinstance(caller, DevicePrincipal) else None
        merchant = "" if device else getattr(caller, "merchant_reference", "")
        made = payments.refund(
            reference=reference_of(name=name, device=device, merchant=merchant),
            amount_minor=body["amount"],
            reason=body["reason"],
            actor=actor_of(request),
            at=timezone.now(),
        )
        answer = {
            "refund": made.reference,
            "amount": made.amount_minor,
            "lines": benefit_lines.of_refund(lines=made.lines),
            "refundable": made.refundable_minor,
        }
        return Response(answer, status=status.HTTP_201_CREATED)


class RefundsOfMerchant(Refunds):
    """The same for every channel, by the payment's id: a merchant's server alone."""

    permission_classes = [api_key_of_merchant]


def _as_seen(payment: Payment) -> dict[str, Any]:
    of_some = {
        "approved_at": told.time(payment.approved_at),
        "approval_code": payment.approval_code,
        "decline_reason": payment.decline_reason,
    }
    return {
        "tid": payment.tid,
        "state": payment.state,
        "amount": payment.amount_minor,
        "currency": payment.currency,
        **{name: value for name, value in of_some.items() if value},
        "lines": benefit_lines.of_one(document=payment.reference),
        "refunded": payment.refunded_minor,
        "delivery": notifications.delivery_of(tid=payment.tid),
    }
