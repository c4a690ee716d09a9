"""The decoder in use against the plain one: the same value or the same refusal for any bytes."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.wire import cbor
from config.wire.errors import Malformed
from config.wire.objects import SignedObject
from tests.wire import plain_cbor, samples
from tests.wire.test_cbor import REFUSED, RFC_EXAMPLES, VALUES

PAYLOADS = [
    made.payload()
    for _name, made in sorted(vars(samples).items())
    if isinstance(made, SignedObject)
]
BENT_EACH = 1500
# Heads at every border, and what follows them: what a bent map is most likely to hold.
BORDERS = (
    "1817 1818 18ff 1900ff 190100 1a0000ffff 1a00010000 1b00000000ffffffff 1b0000000100000000"
    " 3818 4101 5701 5818 581800 6161 61ff 7818 6361 8101 8201 a10000 a10100 a2000001 f814"
)
PIECES = [bytes((first,)) for first in range(256)]
PIECES += [bytes.fromhex(border) for border in BORDERS.split()]
MAPS = st.builds(
    lambda count, pieces: bytes((0xA0 + count,)) + b"".join(pieces),
    st.integers(0, 4),
    st.lists(st.sampled_from(PIECES), max_size=10),
)


def verdict(decode, data):
    """Return the value with its types spelled out, or that the bytes are refused."""
    try:
        return repr(decode(data))
    except Malformed:
        return Malformed


def assert_agree(data):
    assert verdict(cbor.decode, data) == verdict(plain_cbor.decode, data), data.hex()


def bent(data, random):
    """Return ``data`` with one to three bytes changed, taken out, put in, or with its end cut."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(changed))
        piece = random.choice(PIECES)
        match random.randrange(5):
            case 0:
                changed[at : at + 1] = piece
            case 1:
                changed[at:at] = piece
            case 2:
                del changed[at]
            case 3:
                changed[at] ^= 1 << random.randrange(8)
            case _:
                del changed[max(at, 1) :]
        changed = changed or bytearray(1)
    return bytes(changed)


def test_on_what_is_named():
    for encoded in [*RFC_EXAMPLES, *REFUSED.values()]:
        assert_agree(bytes.fromhex(encoded))


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_on_bent_objects(payload):
    random = Random(len(payload))
    assert_agree(payload)
    for _ in range(BENT_EACH):
        assert_agree(bent(payload, random))


def test_on_every_cut_object():
    for payload in PAYLOADS:
        for end in range(len(payload)):
            assert verdict(cbor.decode, payload[:end]) is Malformed
            assert_agree(payload[:end])


def test_on_every_short_map():
    for first, second, third in itertools.product(range(0, 256, 5), range(256), (0, 24, 64, 97)):
        assert_agree(bytes((0xA1, first, second, third)))
        assert_agree(bytes((0xA2, 0, 0, second, third)))
        assert_agree(bytes((0xA2, 1, second, first, third)))


@given(MAPS)
def test_on_maps_of_pieces(data):
    assert_agree(data)


@given(VALUES, st.data())
def test_on_bent_values(value, draw):
    encoded = cbor.encode(value)
    assert_agree(encoded)
    assert_agree(bent(encoded, Random(draw.draw(st.integers(0, 2**32)))))


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("_WIDE_LEAST", dict.fromkeys((24, 25, 26, 27), 0)),
        ("_read_entries", lambda data, at, count, depth, entries: ({**entries}, len(data))),
        ("_read_text", lambda data: data.decode(errors="replace")),
    ],
)
def test_negative_control_a_rule_left_out_is_found(monkeypatch, rule, broken):
    monkeypatch.setattr(cbor, rule, broken)
    with pytest.raises(AssertionError):
        test_on_what_is_named()
