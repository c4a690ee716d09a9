"""
Signed requests: HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530), protocol §3.

One label, one algorithm, and a fixed set of components that must be covered; further components
are taken as long as they have no parameters. Time, nonce and the device are the caller's to judge.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from config.wire import b64, keys, schema, structured
from config.wire.errors import Malformed

LABEL: Final = "sig1"
ALGORITHM: Final = "ecdsa-p256-sha256"
NONCE_BYTES: Final = 16
KEY_ID_MAX: Final = 64

ALWAYS_COVERED: Final = ("@method", "@target-uri")
COVERED_WHEN_PRESENT: Final = ("content-digest", "content-type", "idempotency-key")

_OBSOLETE_FOLD: Final = re.compile(r"[ \t]*\r\n[ \t]+")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class NotCovered(Malformed):
    """A component that must be signed is missing or not covered."""


class WrongDigest(Malformed):
    """The body is not the one whose digest was signed."""


class SignedRequest(NamedTuple):
    """
    A request's signature taken apart: form, covered components and digest are right.

    ``created`` is epoch seconds. ``expires``, which the protocol does not ask for, is the signer's
    own word on how long the signature is good.
    """

    keyid: str
    created: int
    nonce: bytes
    base: bytes
    signature: bytes
    expires: int | None

    def verify(self, public_key: bytes) -> None:
        """
        Verify the signature, with either s.

        :raises BadSignature: it does not fit
        :raises Malformed: ``public_key`` is none
        """
        keys.verify_raw(
            public_key=public_key, data=self.base, signature=self.signature, low_s=False
        )


def content_digest(body: bytes) -> str:
    """Return the Content-Digest of a body, SHA-256 (RFC 9530 §2)."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
    return f"sha-256=:{digest}:"


def sign_request(
    *,
    key: keys.SigningKey,
    keyid: str,
    method: str,
    target_uri: str,
    headers: Mapping[str, str],
    body: bytes,
    created: int,
    nonce: bytes,
) -> dict[str, str]:
    """
    Return the headers to add to a request: Signature-Input, Signature and, with a body, its digest.

    ``headers`` are those the request goes out with; ``created`` is epoch seconds, ``nonce`` 16
    random bytes, ``keyid`` the device id (for an enrolment, base64url of the key's id).

    :raises Malformed: a signed value cannot stand in a header
    """
    added = {"Content-Digest": content_digest(body)} if body else {}
    fields = _normalized({**headers, **added})
    names = [*ALWAYS_COVERED, *(name for name in COVERED_WHEN_PRESENT if fields.get(name))]
    covered = structured.InnerList(
        [structured.Item(name, {}) for name in names],
        {"created": created, "nonce": b64.encode(nonce), "keyid": keyid, "alg": ALGORITHM},
    )
    base = signature_base(method=method, target_uri=target_uri, headers=fields, covered=covered)
    signature = base64.b64encode(key.sign_raw(base)).decode("ascii")
    return added | {
        "Signature-Input": f"{LABEL}={structured.serialize_inner_list(covered)}",
        "Signature": f"{LABEL}=:{signature}:",
    }


def parse_request(
    *, method: str, target_uri: str, headers: Mapping[str, str], body: bytes
) -> SignedRequest:
    """
    Return a request's signature, ready to be verified once the device's key is known.

    ``target_uri`` is the public origin with path and query as sent; header names in any case.

    :raises NotCovered: a component that must be signed is missing or not covered
    :raises WrongDigest: the digest is not the body's
    :raises Malformed: there is no signature, or not of this form
    """
    fields = _normalized(headers)
    covered = _member(fields, "signature-input")
    signature = _member(fields, "signature")
    if not isinstance(covered, structured.InnerList) or isinstance(signature, structured.InnerList):
        raise Malformed("Signature-Input is an inner list, Signature a byte sequence.")
    if type(signature.value) is not bytes or len(signature.value) != keys.SIGNATURE_BYTES:
        raise Malformed("A signature is 64 bytes.")
    _refuse_uncovered(covered, fields, body)
    keyid, created, nonce, expires = _parameters(covered.parameters)
    if digest := fields.get("content-digest"):
        _refuse_other_body(digest, body)
    base = signature_base(method=method, target_uri=target_uri, headers=fields, covered=covered)
    return SignedRequest(keyid, created, nonce, base, signature.value, expires)


def signature_base(
    *,
    method: str,
    target_uri: str,
    headers: Mapping[str, str],
    covered: structured.InnerList,
) -> bytes:
    """
    Return the bytes that get signed (RFC 9421 §2.5).

    :raises NotCovered: a covered header is not there
    :raises Malformed: a component twice, with parameters or unknown, or a value not printable ASCII
    """
    fields = _normalized(headers)
    lines: dict[str, str] = {}
    for name, parameters in covered.items:
        if type(name) is not str or parameters or name in lines:
            raise Malformed("A component comes twice, or with parameters.")
        if name.startswith("@"):
            lines[name] = _derived(name, method, target_uri)
        elif name in fields:
            lines[name] = fields[name]
        else:
            raise NotCovered(f"The signed header {name!r} is not there.")
    lines["@signature-params"] = structured.serialize_inner_list(covered)
    if not all(_is_printable(text) for line in lines.items() for text in line):
        raise Malformed("A signed value is not printable ASCII.")
    return "\n".join(f'"{name}": {value}' for name, value in lines.items()).encode("ascii")


def _is_printable(text: str) -> bool:
    # A tab may stand within a field value (RFC 9110 §5.5); a line break never may.
    return text.isascii() and text.replace("\t", "").isprintable()


def _normalized(headers: Mapping[str, str]) -> dict[str, str]:
    """Return fields by lower-case name with values as RFC 9421 §2.1 has them."""
    return {
        name.lower(): _OBSOLETE_FOLD.sub(" ", value).strip(" \t\r\n")
        for name, value in headers.items()
    }


def _member(fields: dict[str, str], name: str) -> structured.Item | structured.InnerList:
    members = structured.parse_dictionary(fields.get(name, ""))
    if LABEL not in members:
        raise Malformed(f"{name} has no {LABEL}.")
    return members[LABEL]


def _refuse_uncovered(covered: structured.InnerList, fields: dict[str, str], body: bytes) -> None:
    names = {item.value for item in covered.items}
    # Servers hand over an empty Content-Type where none was sent: empty is not present.
    if body and not fields.get("content-digest"):
        raise NotCovered("A request with a body needs Content-Digest.")
    for name in (*ALWAYS_COVERED, *COVERED_WHEN_PRESENT):
        if name not in names and (fields.get(name) or name in ALWAYS_COVERED):
            raise NotCovered(f"{name} is not covered.")


def _parameters(
    parameters: dict[str, structured.Bare],
) -> tuple[str, int, bytes, int | None]:
    keyid, nonce = parameters.get("keyid"), parameters.get("nonce")
    if type(keyid) is not str or not 0 < len(keyid) <= KEY_ID_MAX:
        raise Malformed("keyid is a string, not empty.")
    if type(nonce) is not str or len(decoded := b64.decode(nonce)) != NONCE_BYTES:
        raise Malformed("nonce is 16 bytes in base64url.")
    if parameters.get("alg", ALGORITHM) != ALGORITHM:
        raise Malformed(f"The algorithm is {ALGORITHM}.")
    created = schema.TIME.read(parameters.get("created"))
    expires = parameters.get("expires")
    return keyid, created, decoded, None if expires is None else schema.TIME.read(expires)


def _refuse_other_body(field: str, body: bytes) -> None:
    stated = structured.parse_dictionary(field).get("sha-256")
    if not isinstance(stated, structured.Item) or type(stated.value) is not bytes:
        raise Malformed("Content-Digest has no sha-256.")
    if not hmac.compare_digest(stated.value, hashlib.sha256(body).digest()):
        raise WrongDigest("Content-Digest is not the body's.")


def _derived(name: str, method: str, target_uri: str) -> str:
    """Return the value of a derived component of a request (RFC 9421 §2.2)."""
    if name == "@method":
        return method
    if name == "@target-uri":
        return target_uri
    try:
        parts = urlsplit(target_uri)
        authority = _authority(parts)
    except ValueError as error:
        raise Malformed("The target is not a URI.") from error
    path, query = parts.path or "/", f"?{parts.query}"
    values = {
        "@authority": authority,
        "@scheme": parts.scheme,
        "@path": path,
        "@query": query,
        "@request-target": path + (query if "?" in target_uri else ""),
    }
    if name not in values:
        raise Malformed(f"There is no component {name!r} in a request.")
    return values[name]


def _authority(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2].lower()
    default = parts.port is not None and parts.port == _DEFAULT_PORTS.get(parts.scheme)
    return host.rpartition(":")[0] if default else host
