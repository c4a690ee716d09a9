"""Datagrams: what decoding refuses, and what it ignores."""

import dataclasses
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire.errors import BadSignature, Malformed, WireError
from merchants.wire import datagram
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState

SECRET = bytes(32)
REGISTER = Datagram(
    kind=DatagramKind.REGISTER, terminal=12345, nonce=bytes(8), ms=1, tid="T000C1S0000700009WHN32C"
)
RESULT = dataclasses.replace(
    REGISTER,
    kind=DatagramKind.RESULT,
    state=DatagramState.APPROVED,
    amount=12500,
    currency="KRW",
    approval="A12B3C",
    number=1,
)


def changed(made: Datagram, at: int, data: bytes) -> bytes:
    """Return a datagram with other bytes at an offset, and a MAC that fits them."""
    body = bytearray(made.encode(SECRET)[:112])
    body[at : at + len(data)] = data
    return bytes(body) + hmac.digest(SECRET, bytes(body), hashlib.sha256)[:16]


@pytest.mark.parametrize("kind", DatagramKind)
def test_round_trip_keeps_what_the_kind_uses(kind: DatagramKind) -> None:
    data = dataclasses.replace(RESULT, kind=kind).encode(SECRET)
    assert len(data) == datagram.LENGTH
    assert datagram.terminal_of(data) == 12345
    decoded = Datagram.decode(data, SECRET)
    assert decoded.encode(SECRET) == data
    tells = kind in {DatagramKind.REGISTERED, DatagramKind.RESULT, DatagramKind.STATE}
    assert decoded.amount == (12500 if tells else 0)
    assert decoded.number == (1 if kind.name.startswith("RESULT") else 0)


@pytest.mark.parametrize("length", [0, 127, 129, 256])
def test_another_length_is_refused(length: int) -> None:
    data = (REGISTER.encode(SECRET) * 2)[:length]
    with pytest.raises(Malformed):
        datagram.terminal_of(data)
    with pytest.raises(Malformed):
        Datagram.decode(data, SECRET)


@pytest.mark.parametrize(
    ("at", "data"),
    [
        (0, b"PE"),
        (2, b"\x02"),
        (3, b"\x00"),
        (3, b"\x07"),
        (25, b"\x16"),
        (25, b"\x29"),
        (25, b"\xff"),
        (26, b"\x00"),
        (26, b" "),
        (26, b"\xe9"),
        (65, b"x"),
        (87, b"\x01"),
        (111, b"\x01"),
        (24, b"\x09"),
        (24, b"\xfe"),
        (66, b"\xff"),
        (74, b"krw"),
        (74, b"KR\x00"),
        (77, b"\x00"),
        (77, b"a12b3c"),
        (82, b" "),
    ],
)
def test_a_field_out_of_form_is_refused(at: int, data: bytes) -> None:
    with pytest.raises(Malformed):
        Datagram.decode(changed(RESULT, at, data), SECRET)


@pytest.mark.parametrize(
    ("at", "data"),
    [(24, b"\x63"), (66, b"\xff" * 8), (74, b"\xff" * 3), (77, b"\xff" * 6), (83, b"\1")],
)
def test_a_field_the_kind_does_not_use_is_ignored(at: int, data: bytes) -> None:
    assert Datagram.decode(changed(REGISTER, at, data), SECRET) == REGISTER


def test_a_tid_that_is_none_is_the_servers_to_judge() -> None:
    odd = dataclasses.replace(REGISTER, tid="")
    assert Datagram.decode(odd.encode(SECRET), SECRET) == odd
    odd = dataclasses.replace(REGISTER, tid="x" * 40)
    assert Datagram.decode(odd.encode(SECRET), SECRET) == odd


def test_every_changed_byte_is_refused() -> None:
    data = RESULT.encode(SECRET)
    for at in range(len(data)):
        with pytest.raises(WireError):
            Datagram.decode(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :], SECRET)


@given(st.binary(max_size=64), st.binary(max_size=200))
def test_a_prepared_mac_is_the_same(secret: bytes, body: bytes) -> None:
    assert datagram.Mac(secret).of(body) == hmac.digest(secret, body, hashlib.sha256)[:16]


def test_another_secret_is_refused() -> None:
    with pytest.raises(BadSignature):
        Datagram.decode(RESULT.encode(SECRET), b"\x01" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"terminal": 2**32},
        {"terminal": -1},
        {"nonce": b""},
        {"ms": 2**64},
        {"tid": "x" * 41},
        {"tid": "é"},
        {"amount": -1},
        {"currency": "KRWX"},
        {"approval": "1234567"},
        {"number": 2**32},
    ],
)
def test_a_field_that_does_not_fit_is_not_sent(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        dataclasses.replace(RESULT, **change).encode(SECRET)


@given(st.integers(0, 111), st.binary(min_size=1, max_size=30), st.sampled_from(DatagramKind))
def test_fuzz(at: int, data: bytes, kind: DatagramKind) -> None:
    made = dataclasses.replace(RESULT, kind=kind)
    try:
        decoded = Datagram.decode(changed(made, at, data[: 112 - at]), SECRET)
    except WireError:
        return
    assert Datagram.decode(decoded.encode(SECRET), SECRET) == decoded


@given(st.binary(max_size=140))
def test_fuzz_any_bytes(data: bytes) -> None:
    with pytest.raises(WireError):
        Datagram.decode(data, SECRET)
