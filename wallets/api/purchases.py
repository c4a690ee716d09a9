"""A phone takes up a terminal's request, and pays it (protocol §4.1)."""

from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import signer_of
from config.api.once import idempotent, named, repeats
from config.api.permissions import device_of
from config.api.serializers import (
    Amount,
    Binary,
    CardToken,
    Counter,
    Currency,
    NoBody,
    StrictSerializer,
    Text,
)
from config.models.devices import DeviceKind
from config.repetitions import Call
from settlement.rules import told
from settlement.rules.requests import Request as Payment
from settlement.selectors import benefit_lines
from settlement.services import payments
from settlement.services.payments.consents import Approval, Consent
from wallets.api.serializers import PIN_CODE

PHONE: Final = device_of(DeviceKind.PHONE)
BILL_MAX: Final = 4096  # bytes


class MerchantNamed(serializers.Serializer[Any]):
    id = Text()
    name = Text()


class ClaimAnswer(serializers.Serializer[Any]):
    """What the customer is shown before the PIN; ``amount`` in minor units."""

    tid = Text()
    state = Text()
    merchant = MerchantNamed()
    store = Text()
    amount = serializers.IntegerField()
    currency = Currency()
    order = Text(allow_blank=True)
    expires_at = Text()
    claim_expires_at = Text(required=False)
    decline_reason = Text(required=False)


class ApproveBody(StrictSerializer):
    """The customer's consent to exactly what was shown, proved by a PIN code over the T-ID."""

    card = CardToken()
    merchant = Text()
    amount = Amount()
    currency = Currency()
    counter = Counter(min_value=1)
    pin_code = serializers.RegexField(PIN_CODE)
    bill = Binary(max_length=BILL_MAX, required=False, default=None)
    plan = Text(required=False, default=None)
    max_remainder = Counter(required=False, default=None)


class ApproveAnswer(serializers.Serializer[Any]):
    """The decision; a decline is a success. ``remainder``: what the card was asked for.

    APPROVING, with status 202: the issuer's own system is asked, and the claim tells the end.
    """

    state = serializers.ChoiceField(choices=["APPROVED", "DECLINED", "APPROVING"])
    approval_code = Text(required=False)
    decline_reason = Text(required=False)
    lines = serializers.ListField(child=serializers.DictField())
    remainder = serializers.IntegerField()


class Claim(APIView):
    """Take a request up, for 45 s, alone."""

    permission_classes = [PHONE]

    @extend_schema(request=None, responses=ClaimAnswer)
    @idempotent
    @repeats(Call.CLAIM, named("tid"))
    def post(self, request: Request, tid: str) -> Response:
        NoBody.read(request)
        found = payments.claim(device=signer_of(request), tid=tid, at=timezone.now())
        return Response(_as_shown(found))


class Release(APIView):
    """Give a request back, so that another phone can pay it."""

    permission_classes = [PHONE]

    @extend_schema(request=None, responses=ClaimAnswer)
    @idempotent
    @repeats(Call.RELEASE, named("tid"))
    def post(self, request: Request, tid: str) -> Response:
        NoBody.read(request)
        found = payments.release(device=signer_of(request), tid=tid, at=timezone.now())
        return Response(_as_shown(found))


class Decline(APIView):
    """End a request at the customer's wish."""

    permission_classes = [PHONE]

    @extend_schema(request=None, responses=ClaimAnswer)
    @idempotent
    @repeats(Call.DECLINE, named("tid"))
    def post(self, request: Request, tid: str) -> Response:
        NoBody.read(request)
        found = payments.decline(device=signer_of(request), tid=tid, at=timezone.now())
        return Response(_as_shown(found))


class Approve(APIView):
    """Pay with a card of this phone, after the PIN."""

    permission_classes = [PHONE]

    @extend_schema(request=ApproveBody, responses={200: ApproveAnswer, 202: ApproveAnswer})
    @idempotent
    @repeats(Call.APPROVE, named("tid"))
    def post(self, request: Request, tid: str) -> Response:
        body = ApproveBody.read(request)
        consent = Consent(
            card=body["card"],
            merchant=body["merchant"],
            amount_minor=body["amount"],
            currency=body["currency"],
            counter=body["counter"],
            pin_code=body["pin_code"],
            bill=body["bill"],
            plan=body["plan"],
            max_remainder_minor=body["max_remainder"],
        )
        word = payments.approve(
            device=signer_of(request), tid=tid, consent=consent, at=timezone.now()
        )
        lines = benefit_lines.of_one(document=word.document) if consent.plan else []
        return as_decided(word, lines=lines)


def as_decided(word: Approval, *, lines: list[dict[str, Any]]) -> Response:
    """Return the decision as phones are told it; 202 while an issuer's own system is asked."""
    of_some = {"approval_code": word.approval_code, "decline_reason": word.decline_reason}
    answer = {
        "state": word.state,
        **{name: value for name, value in of_some.items() if value},
        "lines": lines,
        "remainder": word.remainder_minor,
    }
    return Response(answer, status=202 if word.state == "APPROVING" else 200)


def _as_shown(payment: Payment) -> dict[str, Any]:
    of_some = {
        "claim_expires_at": told.time(payment.claim_expires_at),
        "decline_reason": payment.decline_reason,
    }
    return {
        "tid": payment.tid,
        "state": payment.state,
        "merchant": {"id": payment.shop.merchant, "name": payment.shop.merchant_name},
        "store": payment.shop.store_name,
        "amount": payment.amount_minor,
        "currency": payment.currency,
        "order": payment.order,
        "expires_at": told.time(payment.expires_at),
        **{name: value for name, value in of_some.items() if value},
    }
