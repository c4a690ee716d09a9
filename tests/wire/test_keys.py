"""P-256 keys and raw signatures."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from config.wire import keys
from config.wire.errors import BadSignature, Malformed
from config.wire.keys import SigningKey
from tests.wire.samples import KEY, OTHER_KEY

DATA = b"a payment"


def _high_s(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "big")
    return signature[:32] + (keys.ORDER - s).to_bytes(32, "big")


def test_a_signature_verifies_and_is_low() -> None:
    for secret in range(1, 30):
        key = SigningKey.from_secret(secret)
        signature = key.sign_raw(DATA)
        keys.verify_raw(public_key=key.public, data=DATA, signature=signature, low_s=True)
        assert int.from_bytes(signature[32:], "big") <= keys.LOW_S_MAX


def test_a_high_s_passes_only_where_it_may() -> None:
    signature = _high_s(KEY.sign_raw(DATA))

    keys.verify_raw(public_key=KEY.public, data=DATA, signature=signature, low_s=False)

    with pytest.raises(BadSignature):
        keys.verify_raw(public_key=KEY.public, data=DATA, signature=signature, low_s=True)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(63),
        bytes(64),
        bytes(65),
        b"\xff" * 64,
        bytes(32) + KEY.sign_raw(DATA)[32:],
        KEY.sign_raw(DATA)[:32] + bytes(32),
        keys.ORDER.to_bytes(32, "big") + KEY.sign_raw(DATA)[32:],
        KEY.sign_raw(DATA + b"."),
        OTHER_KEY.sign_raw(DATA),
    ],
)
@pytest.mark.parametrize("low_s", [True, False])
def test_bad_signatures(signature: bytes, low_s: bool) -> None:
    with pytest.raises(BadSignature):
        keys.verify_raw(public_key=KEY.public, data=DATA, signature=signature, low_s=low_s)


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        KEY.public[:-1],
        KEY.public + b"\x00",
        b"\x02" + KEY.public[1:33],
        b"\x06" + KEY.public[1:],
        b"\x04" + bytes(64),
        KEY.public[:-1] + bytes((KEY.public[-1] ^ 1,)),
    ],
)
def test_what_is_no_public_key(public_key: bytes) -> None:
    with pytest.raises(Malformed):
        keys.load_public(public_key)


def test_pem_round_trip() -> None:
    again = SigningKey.from_pem(KEY.to_pem())
    assert (again.public, again.kid) == (KEY.public, KEY.kid)
    assert again.sign_raw(DATA) == KEY.sign_raw(DATA)


def _pem(private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _pem(ed25519.Ed25519PrivateKey.generate()),
        _pem(ec.generate_private_key(ec.SECP384R1())),
    ],
)
def test_other_pem_files(pem: bytes) -> None:
    with pytest.raises(Malformed):
        SigningKey.from_pem(pem)


@pytest.mark.parametrize("secret", [-1, 0, keys.ORDER, 2**256])
def test_scalars_out_of_range(secret: int) -> None:
    with pytest.raises(Malformed):
        SigningKey.from_secret(secret)


def test_a_key_keeps_its_secret_out_of_its_representation() -> None:
    assert repr(SigningKey.from_secret(3)) == f"<SigningKey {SigningKey.from_secret(3).kid.hex()}>"


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_fuzz(public_key: bytes, signature: bytes) -> None:
    with pytest.raises((BadSignature, Malformed)):
        keys.verify_raw(public_key=public_key, data=DATA, signature=signature, low_s=False)
