"""Deterministic CBOR read item by item, one head at a time: the reference for the decoder in use.

It knows no short cut, and so says slowly what ``config.wire.cbor.decode`` must say fast.
"""

from config.wire.cbor import (
    ARRAY,
    BYTES,
    DEPTH_MAX,
    FALSE,
    MAP,
    NEGATIVE,
    SIMPLE,
    TEXT,
    TRUE,
    UNSIGNED,
)
from config.wire.errors import Malformed


def decode(data):
    """Return the value ``data`` encodes, or raise ``Malformed``."""
    value, end = _item(data, 0, DEPTH_MAX)
    if end != len(data):
        raise Malformed("Bytes follow the CBOR value.")
    return value


def _item(data, at, depth):
    major, argument, at = _head(data, at)
    if major == UNSIGNED:
        return argument, at
    if major == NEGATIVE:
        return -1 - argument, at
    if major == SIMPLE and argument in (FALSE, TRUE):
        return argument == TRUE, at
    if major in (BYTES, TEXT):
        return _string(data, at, argument, text=major == TEXT)
    if major in (ARRAY, MAP) and depth > 0:
        return (_map if major == MAP else _array)(data, at, argument, depth - 1)
    raise Malformed("Not of the protocol, or nested too deep.")


def _head(data, at):
    first, rest = data[at : at + 1], data[at + 1 :]
    if not first:
        raise Malformed("CBOR ends early.")
    major, small = divmod(first[0], 32)
    if small < 24:
        return major, small, at + 1
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(small)
    if width is None or len(rest) < width:
        raise Malformed("Indefinite, reserved or cut short.")
    argument = int.from_bytes(rest[:width], "big")
    if argument < (24 if width == 1 else 1 << 4 * width):
        raise Malformed("Not in its shortest form.")
    return major, argument, at + 1 + width


def _string(data, at, length, *, text):
    string = data[at : at + length]
    if len(string) != length:
        raise Malformed("CBOR ends early.")
    try:
        return (string.decode() if text else string), at + length
    except UnicodeDecodeError as error:
        raise Malformed("Text is not UTF-8.") from error


def _array(data, at, count, depth):
    items = []
    for _ in range(count):
        item, at = _item(data, at, depth)
        items.append(item)
    return items, at


def _map(data, at, count, depth):
    entries, previous = {}, b""
    for _ in range(count):
        key, end = _item(data, at, 0)
        if type(key) not in {int, str} or data[at:end] <= previous:
            raise Malformed("A key out of order, twice, or of another type.")
        previous = data[at:end]
        entries[key], at = _item(data, end, depth)
    return entries, at
