"""Deterministic CBOR: RFC 8949's own examples, what must be refused, and a second opinion."""

import itertools
import time
import tracemalloc

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire import cbor
from config.wire.errors import Malformed

VALUES = st.recursive(
    st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.integers(-(2**64), 2**64 - 1) | st.text(), inner, max_size=5)
    ),
    max_leaves=12,
)

# RFC 8949 appendix A, the rows whose types the protocol has.
RFC_EXAMPLES = {
    "00": 0,
    "17": 23,
    "1818": 24,
    "1903e8": 1000,
    "1a000f4240": 1_000_000,
    "1b000000e8d4a51000": 1_000_000_000_000,
    "1bffffffffffffffff": 2**64 - 1,
    "3bffffffffffffffff": -(2**64),
    "20": -1,
    "3863": -100,
    "f4": False,
    "f5": True,
    "4401020304": b"\x01\x02\x03\x04",
    "62c3bc": "ü",
    "64f0908591": "\U00010151",
    "83010203": [1, 2, 3],
    "a201020304": {1: 2, 3: 4},
    "a26161016162820203": {"a": 1, "b": [2, 3]},
}

REFUSED = {
    "nothing": "",
    "integer in two bytes that fits one": "1817",
    "integer in three bytes": "1900ff",
    "integer in five bytes": "1a0000ffff",
    "integer in nine bytes": "1b00000000ffffffff",
    "long negative": "3817",
    "long length of bytes": "580101",
    "long length of text": "780161",
    "long count of an array": "980101",
    "long count of a map": "b8010102",
    "reserved additional information": "1c",
    "indefinite bytes": "5f4101ff",
    "indefinite text": "7f6161ff",
    "indefinite array": "9f01ff",
    "indefinite map": "bf0102ff",
    "break alone": "ff",
    "half float": "f93c00",
    "single float": "fa47c35000",
    "double float": "fb3ff199999999999a",
    "null": "f6",
    "undefined": "f7",
    "simple value": "f0",
    "simple value in two bytes": "f8ff",
    "false in two bytes": "f814",
    "simple value 244": "f8f4",
    "tag": "c074323031332d30332d32315432303a30343a30305a",
    "bignum": "c249010000000000000000",
    "keys out of order": "a202010100",
    "key twice": "a201000100",
    "length-first order": "a220001818 00",
    "longer key before shorter": "a262616100616200",
    "byte string as key": "a1410000",
    "true as key": "a1f500",
    "array as key": "a18000",
    "null in a map": "a101f6",
    "text that is not UTF-8": "61ff",
    "a surrogate in UTF-8": "63eda080",
    "bytes cut short": "4401",
    "text cut short": "6261",
    "array cut short": "8201",
    "map without its last value": "a101",
    "head cut short": "19",
    "trailing byte": "0000",
    "huge bytes": "5b7fffffffffffffff00",
    "huge text": "7bffffffffffffffff00",
    "huge array": "9bffffffffffffffff00",
    "huge map": "bbffffffffffffffff0000",
}


@pytest.mark.parametrize(("encoded", "value"), RFC_EXAMPLES.items())
def test_examples_of_the_standard(encoded: str, value: object) -> None:
    assert cbor.encode(value) == bytes.fromhex(encoded)
    assert cbor.decode(bytes.fromhex(encoded)) == value
    assert type(cbor.decode(bytes.fromhex(encoded))) is type(value)


@pytest.mark.parametrize("encoded", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(encoded: str) -> None:
    with pytest.raises(Malformed):
        cbor.decode(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    "value", [None, 1.5, {1.5: 1}, {None: 1}, {True: 1}, {b"a": 1}, 2**64, -(2**64) - 1, "\ud800"]
)
def test_encodes_nothing_the_protocol_does_not_have(value: object) -> None:
    with pytest.raises(Malformed):
        cbor.encode(value)


def test_keys_stand_in_bytewise_order_of_their_encodings() -> None:
    keys = [10, 100, -1, "z", "aa"]  # the example of RFC 8949 §4.2.1, without its last three
    encoded = cbor.encode(dict.fromkeys(reversed(keys), 0))
    assert encoded == b"\xa5" + b"".join(cbor.encode(key) + b"\x00" for key in keys)


@given(VALUES)
def test_round_trip(value: object) -> None:
    encoded = cbor.encode(value)
    assert cbor.decode(encoded) == value
    assert cbor2.loads(encoded) == value


@given(st.binary(max_size=40))
def test_any_bytes_decode_to_what_encodes_to_them_or_are_malformed(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except Malformed:
        return
    assert cbor.encode(value) == data


def test_every_short_input() -> None:
    for length in (1, 2):
        for data in map(bytes, itertools.product(range(256), repeat=length)):
            try:
                value = cbor.decode(data)
            except Malformed:
                continue
            assert cbor.encode(value) == data


@pytest.mark.parametrize("opening", [b"\x81", b"\xa1\x00"])
def test_nests_eight_deep_and_no_deeper(opening: bytes) -> None:
    deepest = opening * cbor.DEPTH_MAX + b"\x00"
    assert cbor.encode(cbor.decode(deepest)) == deepest
    for depth in (cbor.DEPTH_MAX + 1, 100_000):
        with pytest.raises(Malformed):
            cbor.decode(opening * depth + b"\x00")


def test_a_claimed_length_reserves_no_memory_and_takes_no_time() -> None:
    tracemalloc.start()
    started = time.perf_counter()
    for major in range(2, 6):
        for length in (2**31, 2**63, 2**64 - 1):
            with pytest.raises(Malformed):
                cbor.decode(cbor.head(major, length) + b"\x00" * 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    assert time.perf_counter() - started < 1
