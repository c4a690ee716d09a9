"""Strict bodies: known fields, exact types, and the shapes that every part of the API shares."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from config import money
from config.wire import b64
from config.wire.errors import WireError

AMOUNT_MAX: Final = 10**15 - 1  # fifteen digits, as money.parse takes them
COUNTER_MAX: Final = 2**63 - 1
CARD_TOKEN_BYTES: Final = 16


class StrictSerializer(serializers.Serializer[Any]):
    """A body whose every field is known; one that is not is an error of its own."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                told = serializers.ErrorDetail(gettext("There is no such field."), code="unknown")
                raise serializers.ValidationError({str(name): [told] for name in unknown})
        return super().to_internal_value(data)

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """
        Return the request's body, validated.

        :raises ValidationError: 422 ``invalid``
        """
        body = cls(data=request.data)
        body.is_valid(raise_exception=True)
        validated: dict[str, Any] = body.validated_data
        return validated

    @classmethod
    def of_query(cls, request: Request) -> dict[str, Any]:
        """
        Return the request's query, validated: give it fields that read text.

        :raises ValidationError: 422 ``invalid``
        """
        query = cls(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        validated: dict[str, Any] = query.validated_data
        return validated


class NoBody(StrictSerializer):
    """What a call that needs no body takes: nothing, or an object without a field."""


class Text(serializers.CharField):
    """JSON text, never a number taken for text; blanks at the ends stay as sent."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "max_length": 64} | options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Integer(serializers.IntegerField):
    """A JSON integer, never a text, a fraction or a boolean."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class Boolean(serializers.BooleanField):
    """JSON true or false, nothing that merely looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=data)
        return data


class Amount(Integer):
    """A positive amount in minor units; its currency stands beside it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": AMOUNT_MAX} | options)


class Counter(Integer):
    """A count or version that fits 63 bits, from 0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": COUNTER_MAX} | options)


class Currency(Text):
    """An ISO 4217 alpha-3 code."""

    default_error_messages = {"unknown_currency": _("This is not an ISO 4217 currency.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_length": 3, "max_length": 3} | options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        if isinstance(value, str):
            try:
                money.exponent(value)
            except money.UnknownCurrency:
                self.fail("unknown_currency")
        return value


class Choice(serializers.ChoiceField):
    """One of the named values, as text."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "base64url"})
class Binary(serializers.Field[bytes, str, str, Any]):
    """Bytes as base64url without padding: exactly ``length``, or 1 to ``max_length`` of them."""

    default_error_messages = {
        "invalid": _("This is not base64url without padding."),
        "length": _("This has the wrong number of bytes."),
    }

    def __init__(
        self, *, length: int | None = None, max_length: int = 2**20, **options: Any
    ) -> None:
        super().__init__(**options)
        self.shortest, self.longest = (length or 1), (length or max_length)

    def to_internal_value(self, data: Any) -> bytes:
        try:
            value = b64.decode(data)
        except WireError:
            self.fail("invalid")
        if not self.shortest <= len(value) <= self.longest:
            self.fail("length")
        return value

    def to_representation(self, value: bytes) -> str:
        return b64.encode(bytes(value))


class CardToken(Binary):
    """A card: its 16-byte token."""

    def __init__(self, **options: Any) -> None:
        super().__init__(length=CARD_TOKEN_BYTES, **options)
