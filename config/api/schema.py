"""OpenAPI from the code: how callers sign, the idempotency header, problems on every call."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from config.api.once import HEADER
from config.idempotency import KEY_MAX, KEY_MIN

PROBLEM = {
    "type": "object",
    "description": "RFC 9457; `code` is stable.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}


class Schema(AutoSchema):
    """The generator of this API's operations."""

    def get_override_parameters(self) -> list[Any]:
        """Add the idempotency header to the methods that honour it."""
        method = getattr(self.view, self.method.lower(), None)
        declared: list[Any] = super().get_override_parameters()
        if not getattr(method, "is_idempotent", False):
            return declared
        header = OpenApiParameter(
            name=HEADER,
            type={"type": "string", "minLength": KEY_MIN, "maxLength": KEY_MAX},
            location=OpenApiParameter.HEADER,
            description="The same key and body give the first answer again. Optional for devices,"
            " required of an API key.",
        )
        return [*declared, header]

    def get_operation_id(self) -> str:
        """Return app, view and method: unique, and stable when an address changes."""
        return f"{_app_of(type(self.view))}{type(self.view).__name__}{self.method.title()}"

    def get_serializer_name(self, serializer: Any, direction: str) -> str:
        """Return app and class, for two apps may each have a ``PaymentsAnswer``."""
        return f"{_app_of(type(serializer)).title()}{type(serializer).__name__}"


def _app_of(kind: type) -> str:
    return kind.__module__.partition(".")[0]


class DeviceSignatureScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """OpenAPI has no scheme for RFC 9421: the two headers are named and described."""

    target_class = "config.api.authentication.DeviceSignature"
    name = "deviceSignature"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Signature",
            "description": "HTTP Message Signature (RFC 9421), label sig1, ecdsa-p256-sha256, over"
            " @method, @target-uri, content-digest, content-type and idempotency-key, with created,"
            " nonce and keyid (the device id).",
        }


class NewKeySignatureScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "config.api.authentication.NewKeySignature"
    name = "newKeySignature"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Signature",
            "description": "As deviceSignature, by the key being enrolled; keyid is base64url of"
            " the first 8 bytes of the SHA-256 of the public key.",
        }


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "config.api.authentication.ApiKey"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A server's API key."}


def add_problems(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Tell of problems on every operation: a hook that runs after generation."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"].setdefault(
                    "default", {"description": "Refused", "content": content}
                )
    return result
