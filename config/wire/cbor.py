"""
Deterministic CBOR (RFC 8949 §4.2.1), the part of it that the protocol uses.

Integers, byte strings, text, arrays, maps with integer or text keys, true and false. There are no
floats, tags, null, undefined or indefinite lengths: the protocol has none, so each is refused.
The decoder checks determinism while it reads, which makes a second encoding unnecessary.
"""

from typing import Final

from config.wire.errors import Malformed

type Value = int | bytes | str | bool | list[Value] | dict[int | str, Value]

DEPTH_MAX: Final = 8

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
FALSE, TRUE = 20, 21  # simple values (RFC 8949 §3.3)
_WIDE: Final = 24  # from here on, an argument follows its head
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
# The least argument whose shortest form has so many bytes: w, where w / 2 no longer suffice.
_WIDE_LEAST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_SMALL: Final = 31  # the bits of a head's first byte that are not the major type
_BYTES_HEAD, _TEXT_HEAD, _ARRAY_HEAD = (major << 5 for major in (BYTES, TEXT, ARRAY))


def head(major: int, argument: int) -> bytes:
    """
    Return the shortest head of a data item (RFC 8949 §3).

    :raises Malformed: ``argument`` needs more than 64 bits
    """
    if argument < 24:
        return bytes((major << 5 | argument,))
    for small, width in _WIDTHS.items():
        if argument < 1 << 8 * width:
            return bytes((major << 5 | small,)) + argument.to_bytes(width, "big")
    raise Malformed("An integer needs more than 64 bits.")


def read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """
    Return major type, argument and the offset after the head at ``at``.

    :raises Malformed: the head is cut off, of indefinite length or longer than it need be
    """
    if at >= len(data):
        raise Malformed("CBOR ends early.")
    first = data[at]
    small = first & _SMALL
    if small < _WIDE:
        return first >> 5, small, at + 1
    width = _WIDTHS.get(small)
    if width is None:
        raise Malformed("Indefinite or reserved CBOR length.")
    end = at + 1 + width
    if end > len(data):
        raise Malformed("CBOR ends early.")
    argument = int.from_bytes(data[at + 1 : end], "big")
    if argument < _WIDE_LEAST[small]:
        raise Malformed("A CBOR length or integer is not in its shortest form.")
    return first >> 5, argument, end


def encode(value: object) -> bytes:
    """
    Return the one deterministic encoding of ``value``.

    Map keys stand in bytewise lexicographic order of their encodings (RFC 8949 §4.2.1), not in
    the length-first order of RFC 7049.

    :raises Malformed: ``value`` holds a type the protocol does not know, or nests too deep
    """
    parts: list[bytes] = []
    _write(value, parts, DEPTH_MAX)
    return b"".join(parts)


def _write(value: object, parts: list[bytes], depth: int) -> None:
    match value:
        case bool():
            parts.append(head(SIMPLE, TRUE if value else FALSE))
        case int():
            parts.append(head(UNSIGNED, value) if value >= 0 else head(NEGATIVE, -1 - value))
        case bytes():
            parts += (head(BYTES, len(value)), value)
        case str():
            text = _utf8(value)
            parts += (head(TEXT, len(text)), text)
        case list() | tuple() | dict():
            _write_nested(value, parts, depth)
        case _:
            raise Malformed(f"The protocol has no CBOR {type(value).__name__}.")


def _write_nested(
    value: list[object] | tuple[object, ...] | dict[object, object],
    parts: list[bytes],
    depth: int,
) -> None:
    if depth == 0:
        raise Malformed("CBOR nests too deep.")
    if not isinstance(value, dict):
        parts.append(head(ARRAY, len(value)))
        for item in value:
            _write(item, parts, depth - 1)
        return
    parts.append(head(MAP, len(value)))
    for key, item in sorted(((_key(key), item) for key, item in value.items()), key=_first):
        parts.append(key)
        _write(item, parts, depth - 1)


def _key(key: object) -> bytes:
    if type(key) is not int and type(key) is not str:
        raise Malformed("A map key is an integer or text.")
    parts: list[bytes] = []
    _write(key, parts, 0)
    return b"".join(parts)


def _first(pair: tuple[bytes, object]) -> bytes:
    return pair[0]


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("Text with a lone surrogate.") from error


def decode(data: bytes) -> Value:
    """
    Return the value ``data`` encodes.

    Memory stays within a small multiple of ``len(data)``: a claimed length never reserves any.

    :raises Malformed: not deterministic, duplicate keys, a type the protocol does not have,
        nested deeper than ``DEPTH_MAX``, cut short or followed by more bytes
    """
    try:
        value, end = _read(data, 0, DEPTH_MAX)
    except IndexError as error:  # a head was looked for where nothing is
        raise Malformed("CBOR ends early.") from error
    if end != len(data):
        raise Malformed("Bytes follow the CBOR value.")
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if data[at] < _WIDE:
        return data[at], at + 1  # most are small unsigned integers: the head is the value
    major, argument, at = read_head(data, at)
    if major == UNSIGNED:
        return argument, at
    if major in (BYTES, TEXT):
        end = at + argument
        if end > len(data):
            raise Malformed("CBOR ends early.")
        return (data[at:end] if major == BYTES else _read_text(data[at:end])), end
    if major == NEGATIVE:
        return -1 - argument, at
    if major in (ARRAY, MAP):
        if depth == 0:
            raise Malformed("CBOR nests too deep.")
        read = _read_map if major == MAP else _read_array
        return read(data, at, argument, depth - 1)
    if major == SIMPLE and argument in (FALSE, TRUE):
        return argument == TRUE, at
    raise Malformed("A tag, float, null or other value the protocol does not have.")


def _read_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("Text is not UTF-8.") from error


def _read_array(data: bytes, at: int, count: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    # Each item takes a byte at least, so a false count ends at the end of the data.
    for _ in range(count):
        item, at = _read(data, at, depth)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[int | str, Value], int]:
    """Read a map whose keys are one byte each, as those of signed objects are.

    Short values are read on the spot: a batch holds thousands, and a call for each takes twice the
    time. From the first key on that is not so, :func:`_read_entries` goes on.
    """
    entries: dict[int | str, Value] = {}
    previous, size = -1, len(data)
    for _ in range(count):
        key, first = data[at], data[at + 1]
        if not previous < key < _WIDE:
            return _read_entries(data, at, count, depth, entries)
        previous = key
        at += 2
        if first < _WIDE:
            entries[key] = first
        elif _BYTES_HEAD <= first < _ARRAY_HEAD and first & _SMALL < _WIDE:
            end = at + (first & _SMALL)
            if end > size:
                raise Malformed("CBOR ends early.")
            string = data[at:end]
            entries[key] = string if first < _TEXT_HEAD else _read_text(string)
            at = end
        elif first in _WIDE_LEAST:
            end = at + _WIDTHS[first]
            argument = int.from_bytes(data[at:end], "big")
            if end > size or argument < _WIDE_LEAST[first]:
                raise Malformed("An integer is cut short or not in its shortest form.")
            entries[key], at = argument, end
        else:
            entries[key], at = _read(data, at - 1, depth)
    return entries, at


def _read_entries(
    data: bytes, at: int, count: int, depth: int, entries: dict[int | str, Value]
) -> tuple[dict[int | str, Value], int]:
    """Read what is left of a map's ``count`` entries into ``entries``, whatever their keys."""
    previous = encode(next(reversed(entries))) if entries else b""
    for _ in range(count - len(entries)):
        key, end = _read(data, at, 0)
        if type(key) is not int and type(key) is not str:
            raise Malformed("A map key is an integer or text.")
        encoded = data[at:end]
        # Ascending order of the encodings also rules out a key that comes twice.
        if encoded <= previous:
            raise Malformed("Map keys are out of order or come twice.")
        previous = encoded
        entries[key], at = _read(data, end, depth)
    return entries, at
