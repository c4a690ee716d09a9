"""Who calls the API: a device that signs, or a server with an API key (protocol section 3)."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from config.addresses import address_of
from config.api.parsers import loads
from config.audit import Actor
from config.models import Device
from config.refusals import Refused
from config.signatures import NewKey, read, verify_new_key, verify_request
from config.wire import b64
from config.wire.errors import WireError
from config.wire.keys import kid_of, load_public

__all__ = ["ApiKey", "DevicePrincipal", "DeviceSignature", "KeyPrincipal", "verify_request"]


class ApiKeyInvalid(Refused):
    code = "api_key_invalid"
    status = 401
    title = "The API key is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePrincipal:
    """The device that signed the request."""

    device: Device
    is_authenticated: ClassVar[bool] = True

    @property
    def caller(self) -> str:
        """Return whose idempotency keys these are."""
        return f"device:{self.device.reference}"

    @property
    def actor(self) -> tuple[str, str]:
        return "DEVICE", self.device.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPrincipal:
    """A server by its API key: of one merchant or of one issuer, the other reference is ""."""

    key_id: int
    merchant_reference: str
    issuer_reference: str
    is_authenticated: ClassVar[bool] = True

    @property
    def caller(self) -> str:
        """Return whose idempotency keys these are."""
        return f"key:{self.key_id}"

    @property
    def actor(self) -> tuple[str, str]:
        return "KEY", str(self.key_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeyPrincipal:
    """The holder of a key that asks to become a device."""

    key: NewKey
    is_authenticated: ClassVar[bool] = True

    @property
    def caller(self) -> str:
        """Return whose idempotency keys these are."""
        return f"kid:{b64.encode(kid_of(self.key.public_key))}"

    @property
    def actor(self) -> tuple[str, str]:
        return "DEVICE", self.caller


type Principal = DevicePrincipal | KeyPrincipal | NewKeyPrincipal


class DeviceSignature(BaseAuthentication):
    """HTTP message signatures (RFC 9421) of enrolled devices."""

    def authenticate(self, request: Request) -> tuple[DevicePrincipal, None] | None:
        """
        Return the device that signed; None where nothing is signed.

        :raises Refused: the signature does not hold, or the device's owner may not act now
        """
        if not _is_signed(request):
            return None
        return DevicePrincipal(device=verify_request(**_parts(request), at=timezone.now())), None


class NewKeySignature(BaseAuthentication):
    """An enrolment, signed by the key it brings (``keyid`` = base64url of its kid)."""

    def authenticate(self, request: Request) -> tuple[NewKeyPrincipal, None]:
        """
        Return the holder of the body's ``public_key``.

        :raises Refused: the signature does not hold
        :raises ParseError: the body is not JSON
        :raises ValidationError: it names no public key
        """
        signed = read(**_parts(request))
        public_key = _public_key_in(loads(_django(request).body))
        key = verify_new_key(signed=signed, public_key=public_key, at=timezone.now())
        return NewKeyPrincipal(key=key), None


class ApiKey(BaseAuthentication):
    """``Authorization: Bearer <api key>``, looked up by the app that keeps the keys.

    ``settings.API_KEY_LOOKUP`` names ``(*, token: str) -> (key_id, merchant_reference,
    issuer_reference) | None``; one of the references is "".
    """

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, None] | None:
        """
        Return whose key the caller shows; None where it shows none.

        :raises ApiKeyInvalid: unknown, revoked, or its holder may not act now
        """
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        found = import_string(settings.API_KEY_LOOKUP)(token=token.strip())
        if found is None:
            raise ApiKeyInvalid
        key_id, merchant, issuer = found
        return KeyPrincipal(
            key_id=key_id, merchant_reference=merchant, issuer_reference=issuer
        ), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="paydesk"'


def caller_of(request: Request) -> Principal:
    """Return who called; the framework's own types know signed-in people alone."""
    return cast("Principal", request.user)


def actor_of(request: Request) -> Actor:
    """Return who calls, for the audit trail."""
    kind, name = caller_of(request).actor
    return Actor(
        kind=kind,
        name=name,
        address=address_of(request.META),
        request_id=getattr(request, "request_id", ""),
    )


def signer_of(request: Request) -> Device:
    """Return the device that signed, where the view admits no other caller."""
    principal = caller_of(request)
    assert isinstance(principal, DevicePrincipal), "the view's permission admits devices alone"
    return principal.device


def key_of(request: Request) -> KeyPrincipal:
    """Return whose API key was shown, where the view admits no other caller."""
    principal = caller_of(request)
    assert isinstance(principal, KeyPrincipal), "the view's permission admits API keys alone"
    return principal


def target_uri(request: HttpRequest) -> str:
    """Return ``@target-uri``: the public origin, in the demo the one asked for, path and query.

    A WSGI server hands the path over decoded; it is encoded again in its one usual spelling, which
    all references and tokens of this API have.
    """
    origin = f"{request.scheme}://{request.get_host()}" if settings.DEMO else settings.ORIGIN
    query = request.META.get("QUERY_STRING", "")
    return origin.rstrip("/") + escape_uri_path(request.path) + (f"?{query}" if query else "")


def _parts(request: Request) -> dict[str, Any]:
    return {
        "method": request.method or "",
        "target_uri": target_uri(_django(request)),
        "headers": request.headers,
        "body": _django(request).body,
    }


def _is_signed(request: Request) -> bool:
    return "Signature" in request.headers or "Signature-Input" in request.headers


def _django(request: Request) -> HttpRequest:
    # The framework's request would offer its own copy of the body only after parsing.
    return request._request  # noqa: SLF001


def _public_key_in(body: Any) -> bytes:
    try:
        public_key = b64.decode(body["public_key"])
        load_public(public_key)
    except (WireError, LookupError, TypeError) as wrong:
        told = _("A P-256 public key: 65 uncompressed bytes, base64url.")
        raise ValidationError({"public_key": [told]}) from wrong
    return public_key
