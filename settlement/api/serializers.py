"""The shapes of settlement's answers, and the queries of its lists."""

from typing import Any, Final

from rest_framework import serializers

from config.api.serializers import Binary, Counter, Currency, StrictSerializer, Text
from issuers.rules.authorisation import DeclineReason
from settlement.models import Batch, BatchRecord, Payment

PAGE: Final = 50
PAGE_MAX: Final = 500
SIGNED_MAX: Final = 4096  # bytes of one record or certificate


class AuthorizationBody(StrictSerializer):
    """The tap as the phone gave it: COSE_Sign1 bytes of the record and of its card certificate."""

    record = Binary(max_length=SIGNED_MAX)
    certificate = Binary(max_length=SIGNED_MAX)


class AuthorizationAnswer(serializers.Serializer[Any]):
    """The issuer's word; the code stands beside APPROVED, the reason beside DECLINED."""

    state = serializers.ChoiceField(choices=["APPROVED", "DECLINED"])
    approval_code = Text(required=False)
    decline_reason = serializers.ChoiceField(choices=list(DeclineReason), required=False)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        answer: dict[str, Any] = super().to_representation(instance)
        return {name: value for name, value in answer.items() if value}


class BatchAnswer(serializers.Serializer[Any]):
    """What the reader is told of its upload; ``digest``: base64url of the SHA-256 of its bytes."""

    sequence = Counter()
    digest = Text()
    state = serializers.ChoiceField(choices=Batch.State.choices)


class RecordResult(serializers.Serializer[Any]):
    index = Counter()
    state = serializers.ChoiceField(choices=BatchRecord.State.choices)
    reason = Text(required=False)


class BatchResultAnswer(BatchAnswer):
    """What became of a batch; ``totals`` in minor units by currency, ``results`` once POSTED."""

    refusal = Text(required=False)
    totals = serializers.DictField(child=serializers.IntegerField())
    results = RecordResult(many=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        answer: dict[str, Any] = super().to_representation(instance)
        if not answer["refusal"]:
            del answer["refusal"]
        return answer


class PaymentAnswer(serializers.Serializer[Any]):
    """A payment as protocol §8 tells it; ``amount`` and ``refunded`` in minor units.

    What does not apply to it is left out, as :func:`settlement.rules.told.payment` says.
    """

    id = Text()
    tid = Text(required=False)
    order = Text(required=False)
    channel = serializers.ChoiceField(choices=Payment.Channel.choices)
    state = serializers.ChoiceField(choices=Payment.State.choices)
    amount = Counter()
    currency = Currency()
    store = Text()
    device = Text()
    card = Text()
    approval_code = Text()
    created_at = Text()
    approved_at = Text(allow_null=True)
    decline_reason = Text(required=False)
    refunded = Counter(required=False)


class RefundTold(serializers.Serializer[Any]):
    """What an event tells of money given back, in minor units of the payment's currency."""

    id = Text()
    amount = Counter()
    reason = Text(max_length=200, allow_blank=True)


class PaymentsAnswer(serializers.Serializer[Any]):
    """Newest first; ``next``: what to pass as ``after`` for older ones, absent at the end."""

    payments = PaymentAnswer(many=True)
    next = Text(required=False)


class FoundAnswer(serializers.Serializer[Any]):
    """Newest first, at most 50."""

    payments = PaymentAnswer(many=True)


class PaymentSearchBody(StrictSerializer):
    """``typed``: one of the five numbers, typed or scanned, a reference, an order, an amount …"""

    typed = Text(max_length=64)


class EventAnswer(serializers.Serializer[Any]):
    """One event; beside these fields it tells its ``payment``, and a ``refund``, or ``batch``."""

    seq = Counter()
    type = Text()
    at = Text()
    payment = PaymentAnswer(required=False)
    refund = RefundTold(required=False)
    batch = serializers.DictField(required=False)


class EventsAnswer(serializers.Serializer[Any]):
    """Oldest first; ``next``: what to pass as ``after``; above ``floor`` there is no gap."""

    events = EventAnswer(many=True)
    next = Counter()
    floor = Counter()


class EventsQuery(StrictSerializer):
    """``after``: the last ``seq`` seen, 0 for the beginning."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=PAGE_MAX, default=PAGE)


class PaymentsQuery(StrictSerializer):
    """``after``: the last payment seen, nothing for the newest."""

    after = Text(default="", allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=PAGE_MAX, default=PAGE)
