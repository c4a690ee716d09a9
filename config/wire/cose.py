"""
Signed objects: COSE_Sign1 (RFC 9052 §4.2) in the one form the protocol allows.

Tag 18, protected header ``{1: -7, 4: kid}``, empty unprotected header, empty external_aad. In
deterministic CBOR everything around key id, payload and signature is fixed, so parsing compares
bytes and only the payload's length is left to read.
"""

from typing import Final, NamedTuple

from config.wire import cbor, keys
from config.wire.errors import BadSignature, Malformed

# Tag 18, array of 4, byte string of 13: the map {1: -7, 4: the 8 bytes that follow}.
_BEFORE_KID: Final = bytes.fromhex("d2844da201260448")
_KID_END: Final = len(_BEFORE_KID) + keys.KID_BYTES
_UNPROTECTED: Final = b"\xa0"
_SIGNATURE_HEAD: Final = cbor.head(cbor.BYTES, keys.SIGNATURE_BYTES)
# Sig_structure (RFC 9052 §4.4): ["Signature1", protected, external_aad, payload].
_TO_SIGN: Final = b"\x84\x6aSignature1" + _BEFORE_KID[2:]
_NO_EXTERNAL_AAD: Final = b"\x40"


class Sign1(NamedTuple):
    """A COSE_Sign1 taken apart, nothing about it verified."""

    kid: bytes
    payload: bytes
    signature: bytes


def _to_be_signed(kid: bytes, payload: bytes) -> bytes:
    head = cbor.head(cbor.BYTES, len(payload))
    return b"".join((_TO_SIGN, kid, _NO_EXTERNAL_AAD, head, payload))


def sign(*, payload: bytes, key: keys.SigningKey) -> bytes:
    """Return ``payload`` as COSE_Sign1 under ``key``, low s."""
    signature = key.sign_raw(_to_be_signed(key.kid, payload))
    head = cbor.head(cbor.BYTES, len(payload))
    return b"".join((_BEFORE_KID, key.kid, _UNPROTECTED, head, payload, _SIGNATURE_HEAD, signature))


def parse(data: bytes) -> Sign1:
    """
    Return the parts of a COSE_Sign1 without verifying it, so that the key can be looked up.

    :raises Malformed: any byte around key id, payload and signature is another than it must be
    """
    if data[: len(_BEFORE_KID)] != _BEFORE_KID or data[_KID_END : _KID_END + 1] != _UNPROTECTED:
        raise Malformed("Not a COSE_Sign1 of this protocol.")
    major, length, start = cbor.read_head(data, _KID_END + 1)
    end = start + length
    signature = data[end + len(_SIGNATURE_HEAD) :]
    if (
        major != cbor.BYTES
        or data[end : end + len(_SIGNATURE_HEAD)] != _SIGNATURE_HEAD
        or len(signature) != keys.SIGNATURE_BYTES
    ):
        raise Malformed("Payload or signature of the COSE_Sign1 is malformed.")
    return Sign1(data[len(_BEFORE_KID) : _KID_END], data[start:end], signature)


def verify(*, data: bytes, public_key: bytes) -> bytes:
    """
    Return the payload of a COSE_Sign1 that ``public_key`` (65 bytes) signed.

    :raises Malformed: the structure is wrong, or ``public_key`` is no key
    :raises BadSignature: it names another key, or signature or its s do not fit
    """
    parsed = parse(data)
    verify_parsed(parsed, public_key=public_key)
    return parsed.payload


def verify_parsed(parsed: Sign1, *, public_key: bytes) -> None:
    """
    Verify what :func:`parse` took apart, for who parsed it to look the key up.

    :raises Malformed: ``public_key`` is no key
    :raises BadSignature: it names another key, or signature or its s do not fit
    """
    kid, payload, signature = parsed
    if kid != keys.kid_of(public_key):
        raise BadSignature("The object names another key.")
    keys.verify_raw(
        public_key=public_key,
        data=_to_be_signed(kid, payload),
        signature=signature,
        low_s=True,
    )
