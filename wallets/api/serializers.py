"""What phones send and hear (protocol §3.1 and §5.2)."""

from typing import Any

from rest_framework import serializers

from config.api.serializers import Binary, CardToken, Counter, StrictSerializer, Text
from wallets.selectors.cards import WalletCard
from wallets.wire.assertions import CHALLENGE_BYTES_MAX

PUBLIC_KEY_BYTES = 65  # P-256, uncompressed
PIN_CODE = r"^[0-9]{10}\Z"  # "$" would let a line break through


class CertificateBody(StrictSerializer):
    """The card's own key on this phone (P-256, uncompressed); proof of a step-up where asked."""

    public_key = Binary(length=PUBLIC_KEY_BYTES)
    authentication = Text(required=False)


class CertificateAnswer(serializers.Serializer[Any]):
    """The certificate as COSE_Sign1 by the issuer, and the number blacklists carry for it."""

    certificate = Binary()
    list_number = Counter()


class PendingAnswer(serializers.Serializer[Any]):
    """``PENDING``: staff have to agree; the same call again tells."""

    state = Text()


class ChallengeAnswer(serializers.Serializer[Any]):
    challenge = Binary()


class AuthenticationBody(StrictSerializer):
    """What was asserted, and COSE_Sign1 by the device key over it (protocol §7)."""

    app_serial = Text(max_length=64)
    challenge = Binary(max_length=CHALLENGE_BYTES_MAX)
    assertion = Binary(max_length=1024)


class AuthenticationAnswer(serializers.Serializer[Any]):
    """Good for one act within 5 minutes."""

    authentication = Text()
    expires_at = serializers.DateTimeField()


class CardAnswer(serializers.Serializer[WalletCard]):
    """One card: amounts in minor units of ``currency``; ``programme_name`` is for people."""

    card = CardToken(source="card.token")
    issuer = Text(source="card.issuer.reference")
    programme = Text(source="card.programme.reference")
    programme_name = Text(source="card.programme.name")
    currency = Text(source="card.account.currency")
    last4 = Text(source="card.last4")
    state = Text()
    balance = serializers.IntegerField(source="card.account.balance_minor")
    held = serializers.IntegerField(source="card.account.held_minor")
    offline_reserve = serializers.IntegerField(source="card.account.offline_reserve_minor")
    available = serializers.IntegerField(source="card.account.available_minor")
    certificate = Binary(source="credential.certificate", required=False)

    def to_representation(self, instance: WalletCard) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if shown.get("certificate") is None:
            shown.pop("certificate", None)
        return shown


class CardsAnswer(serializers.Serializer[Any]):
    cards = CardAnswer(many=True)


class PinBody(StrictSerializer):
    """A new PIN key, proved by a code of the old one (subject ``PIN``, protocol §2)."""

    psn_key = Binary(length=32)
    counter = Counter(min_value=1)
    pin_code = serializers.RegexField(PIN_CODE)


class CommandsQuery(StrictSerializer):
    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)


class CommandAnswer(serializers.Serializer[Any]):
    seq = Counter()
    command = Binary()


class CommandsAnswer(serializers.Serializer[Any]):
    """``next`` is what to pass as ``after``."""

    commands = CommandAnswer(many=True)
    next = Counter()


class AcknowledgementBody(StrictSerializer):
    ack = Binary(max_length=4096)


class TicketAnswer(serializers.Serializer[Any]):
    ticket = Text()
    expires_at = serializers.DateTimeField()


class RecordsBody(StrictSerializer):
    """The phone's own copies of what it signed, as handed to readers."""

    records = serializers.ListField(child=Binary(max_length=4096), min_length=1, max_length=500)


class RecordsAnswer(serializers.Serializer[Any]):
    stored = Counter()


class RefundAnswer(serializers.Serializer[Any]):
    """Money given back of a payment, in minor units of its currency."""

    refund = Text(source="reference")
    amount = serializers.IntegerField(source="amount_minor")
    reason = Text(allow_blank=True)
    refunded_at = serializers.DateTimeField()


class PaymentAnswer(serializers.Serializer[Any]):
    """One of the customer's own payments, with its receipt's lines and refunds.

    ``tid`` stands only in one that a terminal asked for, ``card`` only where one of ours paid.
    """

    payment = Text(source="reference")
    tid = Text(source="request.tid", required=False)
    channel = Text()
    state = Text()
    amount = serializers.IntegerField(source="amount_minor")
    currency = Text()
    card = CardToken(source="card.token", required=False)
    merchant = serializers.SerializerMethodField()
    store = Text(source="store.name")
    approval_code = Text()
    created_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField()
    lines = serializers.ListField(child=serializers.DictField(), default=list)
    refunds = serializers.SerializerMethodField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance.payment)
        shown["lines"] = instance.lines
        if shown["tid"] is None:
            del shown["tid"]
        return shown

    def get_merchant(self, payment: Any) -> dict[str, str]:
        return {"id": payment.merchant.reference, "name": payment.merchant.name}

    def get_refunds(self, payment: Any) -> list[dict[str, Any]]:
        return list(RefundAnswer(payment.refunds.all(), many=True).data)


class PaymentsAnswer(serializers.Serializer[Any]):
    payments = PaymentAnswer(many=True)
    next = Text()
