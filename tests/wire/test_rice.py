"""Rice coding of list numbers."""

import hashlib
import itertools
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire.errors import Malformed
from issuers.wire import RiceSet, rice

LIMIT = rice.NUMBER_LIMIT
SETS = st.sets(st.integers(0, LIMIT - 1) | st.integers(0, 5000), max_size=60).map(sorted)


def _by_the_book(numbers: list[int], k: int) -> bytes:
    """Return the data bit by bit, as the protocol's sentence reads."""
    bits = ""
    previous = -1
    for number in numbers:
        quotient, low = divmod(number - previous - 1, 2**k)
        bits += "1" * quotient + "0" + "".join(str(low >> at & 1) for at in reversed(range(k)))
        previous = number
    bits += "0" * (-len(bits) % 8)
    return bytes(int("".join(byte), 2) for byte in itertools.batched(bits, 8))


@given(SETS)
def test_round_trip(numbers: list[int]) -> None:
    coded = rice.encode(iter(numbers))
    assert list(rice.decode(coded)) == numbers
    coded.check()


@given(st.sets(st.integers(0, 3000), min_size=1).map(sorted), st.integers(0, rice.K_MAX))
def test_every_parameter_gives_the_protocols_bits(numbers: list[int], k: int) -> None:
    coded = rice.encode(numbers, k=k)
    assert coded == RiceSet(k, len(numbers), _by_the_book(numbers, k))
    assert list(rice.decode(coded)) == numbers


@given(st.sets(st.integers(0, 100_000), min_size=1, max_size=50).map(sorted))
def test_the_chosen_parameter_is_the_smallest(numbers: list[int]) -> None:
    sizes = {k: len(rice.encode(numbers, k=k).data) for k in range(20)}
    assert len(rice.encode(numbers).data) == min(sizes.values())


def test_more_numbers_than_one_chunk() -> None:
    numbers = [number * 37 + number % 7 for number in range(40_000)]
    for k in (None, 3, 5, 11):
        assert list(rice.decode(rice.encode(numbers, k=k))) == numbers


@pytest.mark.parametrize("first", [0, 8191 * 8, 8192 * 8, 8192 * 8 + 1, 200_000])
def test_a_run_of_ones_over_the_ends_of_chunks(first: int) -> None:
    numbers = [first, first + 100_000, first + 100_001]
    assert list(rice.decode(rice.encode(numbers, k=0))) == numbers


def test_the_largest_number() -> None:
    numbers = [LIMIT - 1]
    assert list(rice.decode(rice.encode(numbers))) == numbers
    assert list(rice.decode(rice.encode([0, LIMIT - 1], k=56))) == [0, LIMIT - 1]


@pytest.mark.parametrize(
    "numbers", [[-1], [1, 1], [2, 1], [LIMIT], [0, 2**64], [2**65], [5, 6, 6, 7]]
)
def test_encodes_only_ascending_numbers_in_range(numbers: list[int]) -> None:
    with pytest.raises(Malformed):
        rice.encode(numbers)


@pytest.mark.parametrize("k", [-1, 57, 0])
def test_refuses_a_parameter_that_does_not_do(k: int) -> None:
    with pytest.raises(Malformed):
        rice.encode([2**40], k=k)


@pytest.mark.parametrize(
    "coded",
    [
        RiceSet(-1, 1, b"\x00"),
        RiceSet(57, 1, bytes(8)),
        RiceSet(0, -1, b""),
        RiceSet(1, 0, b""),
        RiceSet(0, 0, b"\x00"),
        RiceSet(0, 1, b""),
        RiceSet(0, 9, b"\x00"),
        RiceSet(0, 2**60, b"\x00"),
        RiceSet(0, 1, b"\xff"),
        RiceSet(0, 1, b"\x01"),
        RiceSet(0, 1, b"\x00\x00"),
        RiceSet(0, 8, b"\x00\x00"),
        RiceSet(8, 2, b"\x00\x00\x20"),
        RiceSet(56, 1, b"\xff" * 20 + bytes(20)),
        RiceSet(56, 2, rice.encode([LIMIT - 1], k=56).data + bytes(8)),
    ],
)
def test_refuses_what_is_not_proper(coded: RiceSet) -> None:
    with pytest.raises(Malformed):
        list(rice.decode(coded))


@given(st.integers(0, 60), st.integers(0, 40), st.binary(max_size=30))
def test_fuzz(k: int, count: int, data: bytes) -> None:
    coded = RiceSet(k, count, data)
    try:
        numbers = list(rice.decode(coded))
    except Malformed:
        return
    assert rice.encode(numbers, k=k if numbers else None) == coded


def test_a_long_run_of_ones_costs_no_more_than_its_length() -> None:
    coded = RiceSet(0, 1, b"\xff" * 4_000_000)
    started = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(Malformed):
        list(rice.decode(coded))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert time.perf_counter() - started < 5


@given(SETS)
def test_digest_reads_eight_bytes_a_number(numbers: list[int]) -> None:
    plain = b"".join(number.to_bytes(8, "big") for number in numbers)
    assert rice.digest(iter(numbers)) == hashlib.sha256(plain).digest()


def test_digest_refuses_a_number_out_of_range() -> None:
    for number in (-1, 2**64):
        with pytest.raises(Malformed):
            rice.digest([number])
