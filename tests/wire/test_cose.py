"""COSE_Sign1 in the one form the protocol allows."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire import cose, keys
from config.wire.errors import Malformed, WireError
from tests.wire.samples import KEY


@given(st.binary(max_size=70_000))
def test_round_trip_and_a_second_opinion(payload: bytes) -> None:
    data = cose.sign(payload=payload, key=KEY)
    assert cose.verify(data=data, public_key=KEY.public) == payload
    tag = cbor2.loads(data)
    protected, unprotected, inner, signature = tag.value
    assert (tag.tag, cbor2.loads(protected), unprotected) == (18, {1: -7, 4: KEY.kid}, {})
    assert (inner, signature) == (payload, data[-64:])
    to_sign = cbor2.dumps(["Signature1", protected, b"", payload])
    keys.verify_raw(public_key=KEY.public, data=to_sign, signature=signature, low_s=True)


def _sign1(**changes: object) -> bytes:
    """Return a COSE_Sign1 of the form but for the changes, encoded by another library."""
    parts: dict[str, object] = {
        "tag": 18,
        "protected": {1: -7, 4: KEY.kid},
        "unprotected": {},
        "payload": b"payload",
        "signature": bytes(64),
    } | changes
    protected = parts["protected"]
    if isinstance(protected, dict):
        protected = cbor2.dumps(protected)
    body = [protected, parts["unprotected"], parts["payload"], parts["signature"]]
    return cbor2.dumps(cbor2.CBORTag(parts["tag"], body))


@pytest.mark.parametrize(
    "changes",
    [
        {"tag": 17},
        {"tag": 98},
        {"protected": {1: -8, 4: KEY.kid}},
        {"protected": {1: -7}},
        {"protected": {4: KEY.kid, 1: -7}},
        {"protected": {1: -7, 4: KEY.kid, 5: b""}},
        {"protected": {1: -7, 4: KEY.kid[:-1]}},
        {"protected": {1: -7, 4: KEY.kid + b"\x00"}},
        {"protected": b""},
        {"unprotected": {4: KEY.kid}},
        {"unprotected": None},
        {"payload": None},
        {"payload": "payload"},
        {"payload": 7},
        {"signature": bytes(63)},
        {"signature": bytes(65)},
        {"signature": None},
    ],
)
def test_every_other_form_is_refused(changes: dict[str, object]) -> None:
    assert cose.parse(_sign1()).payload == b"payload"
    with pytest.raises(Malformed):
        cose.parse(_sign1(**changes))


def test_a_long_head_of_the_payload_is_refused() -> None:
    data = _sign1()
    with pytest.raises(Malformed):
        cose.parse(data.replace(b"\x47payload", b"\x58\x07payload"))


def test_a_huge_length_of_the_payload_is_refused() -> None:
    with pytest.raises(Malformed):
        cose.parse(_sign1()[:17] + b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(100))


@given(st.binary(max_size=100))
def test_fuzz(data: bytes) -> None:
    for prefix in (b"", cose.sign(payload=b"", key=KEY)[:17]):
        with pytest.raises(WireError):
            cose.verify(data=prefix + data, public_key=KEY.public)
