"""
P-256 keys and raw ES256 signatures (RFC 7518 §3.4: r and s, 32 bytes each, big-endian).

Signers normalise to the low s; the verifier is told whether it must insist on it, for COSE does
and HTTP message signatures do not.
"""

import hashlib
from functools import lru_cache
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from config.wire.errors import BadSignature, Malformed

PUBLIC_KEY_BYTES: Final = 65
KID_BYTES: Final = 8
SIGNATURE_BYTES: Final = 64

# The order of the group of P-256 (SP 800-186 §3.2.1.3) and the largest s that counts as low.
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
LOW_S_MAX: Final = ORDER // 2

_CURVE: Final = ec.SECP256R1()
# RFC 6979: the same key and bytes give the same signature, and no random number can leak the key.
_SIGN: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_VERIFY: Final = ec.ECDSA(hashes.SHA256())


@lru_cache(maxsize=8192)
def kid_of(public_key: bytes) -> bytes:
    """Return the key id of a public key: the first 8 bytes of the SHA-256 of its 65 bytes."""
    return hashlib.sha256(public_key).digest()[:KID_BYTES]


# A joined posting brings thousands of cards; one loaded key takes about 2 kB.
@lru_cache(maxsize=8192)
def load_public(public_key: bytes) -> ec.EllipticCurvePublicKey:
    """
    Return the loaded key of 65 uncompressed bytes (SEC 1 §2.3.3); the latest ones are kept.

    :raises Malformed: not 65 bytes that begin with 4, or not a point of P-256
    """
    if len(public_key) != PUBLIC_KEY_BYTES or public_key[0] != 4:
        raise Malformed("A public key is 65 uncompressed bytes.")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public_key)
    except ValueError as error:
        raise Malformed("The public key is not a point of P-256.") from error


def verify_raw(*, public_key: bytes, data: bytes, signature: bytes, low_s: bool) -> None:
    """
    Verify the 64-byte signature of ``data``; with ``low_s`` refuse an s of the upper half.

    :raises BadSignature: it does not fit
    :raises Malformed: ``public_key`` is none
    """
    if len(signature) != SIGNATURE_BYTES:
        raise BadSignature("A signature is 64 bytes.")
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if low_s and s > LOW_S_MAX:
        raise BadSignature("The signature's s is high.")
    try:
        load_public(public_key).verify(encode_dss_signature(r, s), data, _VERIFY)
    except InvalidSignature as error:
        raise BadSignature("The signature does not fit.") from error


class SigningKey:
    """A P-256 private key that signs raw r and s with a low s."""

    __slots__ = ("_private", "kid", "public")

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private.curve, ec.SECP256R1):
            raise Malformed("The key is not on P-256.")
        self._private = private
        self.public: Final = private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.kid: Final = kid_of(self.public)

    def __repr__(self) -> str:
        return f"<SigningKey {self.kid.hex()}>"

    @classmethod
    def generate(cls) -> Self:
        """Return a new key from the system's random numbers."""
        return cls(ec.generate_private_key(_CURVE))

    @classmethod
    def from_secret(cls, secret: int) -> Self:
        """
        Return the key of a private scalar, for seeded simulations and test vectors.

        :raises Malformed: ``secret`` is not in 1 … order - 1
        """
        if not 0 < secret < ORDER:
            raise Malformed("A private scalar lies between 1 and the order less 1.")
        return cls(ec.derive_private_key(secret, _CURVE))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """
        Return the key of an unencrypted PEM file (PKCS #8, RFC 5958; or SEC 1, RFC 5915).

        :raises Malformed: not such a file, or not a key on P-256
        """
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Malformed("Not an unencrypted PEM private key.") from error
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise Malformed("The key is not an elliptic curve key.")
        return cls(private)

    def to_pem(self) -> bytes:
        """Return the key as unencrypted PKCS #8 PEM (RFC 5958)."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign_raw(self, data: bytes) -> bytes:
        """Return the 64-byte signature of ``data`` with SHA-256 and a low s."""
        r, s = decode_dss_signature(self._private.sign(data, _SIGN))
        return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")
