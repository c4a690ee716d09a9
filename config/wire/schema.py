"""
The kinds of value a signed object's keys may hold.

A kind turns a decoded CBOR value into the attribute's value and back, and refuses both ways what
is not of its type or out of its bounds. Bounds that the protocol leaves open are set here so that
whatever passes also fits a database column, a JSON number and a date.
"""

import re
from collections.abc import Callable, Hashable
from enum import IntEnum
from typing import Any, Final, Protocol

from config.wire import keys
from config.wire.errors import Malformed

# JSON numbers are exact up to here (RFC 8259 §6); a batch's sum of such amounts fits 64 bits.
AMOUNT_MAX: Final = 2**53 - 1
# Use counts, transaction counters, versions, sequence numbers: a 32-bit signed column.
COUNT_MAX: Final = 2**31 - 1
SIGNED_64_MAX: Final = 2**63 - 1
# Epoch seconds up to the year 5138, far enough from the end of ``datetime`` to add days.
TIME_MAX: Final = 10**11 - 1

CURRENCY_PATTERN: Final = re.compile(r"[A-Z]{3}")  # ISO 4217 alpha-3
# Control characters have no place in an id or a name, and PostgreSQL stores no NUL.
PLAIN_TEXT_PATTERN: Final = re.compile(r"[^\x00-\x1f\x7f]*")


class Kind[T](Protocol):
    """One type of value on the wire and its bounds."""

    def read(self, value: object) -> T:
        """Return the attribute of a decoded value, or raise ``Malformed``."""

    def write(self, value: T) -> object:
        """Return what to encode for an attribute, or raise ``Malformed``."""


class Integer:
    """An integer within inclusive bounds; true and false are none."""

    __slots__ = ("least", "most")

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def read(self, value: object) -> int:
        if type(value) is not int or not self.least <= value <= self.most:
            raise Malformed(f"Not an integer from {self.least} to {self.most}.")
        return value

    write = read


class Bytes:
    """A byte string of a length within inclusive bounds."""

    __slots__ = ("least", "most")

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least = least
        self.most = least if most is None else most

    def read(self, value: object) -> bytes:
        if type(value) is not bytes or not self.least <= len(value) <= self.most:
            raise Malformed(f"Not a byte string of {self.least} to {self.most} bytes.")
        return value

    write = read


class Text:
    """Text of a length within inclusive bounds that matches a pattern as a whole."""

    __slots__ = ("least", "matches", "most")

    def __init__(self, least: int, most: int, pattern: re.Pattern[str]) -> None:
        self.least = least
        self.most = most
        self.matches = pattern.fullmatch

    def read(self, value: object) -> str:
        if (
            type(value) is not str
            or not self.least <= len(value) <= self.most
            or self.matches(value) is None
        ):
            raise Malformed(f"Not text of the right form, {self.least} to {self.most} characters.")
        return value

    write = read


class PublicKey:
    """The 65 uncompressed bytes of a key that is a point of P-256."""

    __slots__ = ()

    def read(self, value: object) -> bytes:
        if type(value) is not bytes:
            raise Malformed("A public key is a byte string.")
        keys.load_public(value)
        return value

    write = read


class Enumerated[E: IntEnum]:
    """An integer that stands for a member of an enumeration."""

    __slots__ = ("members",)

    def __init__(self, enumeration: type[E]) -> None:
        self.members = {member.value: member for member in enumeration}

    def read(self, value: object) -> E:
        member = self.members.get(value) if type(value) is int else None
        if member is None:
            raise Malformed("An integer that stands for nothing.")
        return member

    def write(self, value: E) -> int:
        return self.read(int(value)).value


class ListOf[T]:
    """An array of at most so many items of one kind."""

    __slots__ = ("item", "most")

    def __init__(self, item: Kind[T], *, most: int) -> None:
        self.item = item
        self.most = most

    def read(self, value: object) -> list[T]:
        read = self.item.read
        return [read(item) for item in self._bounded(value)]

    def write(self, value: list[T]) -> list[object]:
        write = self.item.write
        return [write(item) for item in self._bounded(value)]

    def _bounded(self, value: object) -> list[Any]:
        if type(value) is not list or len(value) > self.most:
            raise Malformed(f"Not an array of at most {self.most} items.")
        return value


class MapOf[K: Hashable, V]:
    """A map of at most so many entries, its keys of one kind and its values of another."""

    __slots__ = ("key", "most", "value")

    def __init__(self, key: Kind[K], value: Kind[V], *, most: int) -> None:
        self.key = key
        self.value = value
        self.most = most

    def read(self, value: object) -> dict[K, V]:
        return {self.key.read(k): self.value.read(v) for k, v in self._bounded(value).items()}

    def write(self, value: dict[K, V]) -> dict[object, object]:
        return {self.key.write(k): self.value.write(v) for k, v in self._bounded(value).items()}

    def _bounded(self, value: object) -> dict[Any, Any]:
        if type(value) is not dict or len(value) > self.most:
            raise Malformed(f"Not a map of at most {self.most} entries.")
        return value


class Row[T: tuple[Any, ...]]:
    """An array of fixed length whose places have kinds of their own, held as a named tuple."""

    __slots__ = ("kinds", "make")

    def __init__(self, make: Callable[..., T], *kinds: Kind[Any]) -> None:
        self.make = make
        self.kinds = kinds

    def read(self, value: object) -> T:
        if type(value) is not list or len(value) != len(self.kinds):
            raise Malformed(f"Not an array of {len(self.kinds)} items.")
        return self.make(*[kind.read(item) for kind, item in zip(self.kinds, value, strict=True)])

    def write(self, value: T) -> list[object]:
        return [kind.write(item) for kind, item in zip(self.kinds, value, strict=True)]


AMOUNT: Final = Integer(1, AMOUNT_MAX)  # minor units
SUM: Final = Integer(0, AMOUNT_MAX)  # minor units: a cap, or a sum that may be empty
COUNT: Final = Integer(0, COUNT_MAX)
ORDINAL: Final = Integer(1, COUNT_MAX)
TIME: Final = Integer(0, TIME_MAX)  # epoch seconds, UTC
LIST_NUMBER: Final = Integer(0, SIGNED_64_MAX)
TERMINAL_NUMBER: Final = Integer(0, 2**30 - 1)
TOKEN: Final = Bytes(16)
NONCE: Final = Bytes(16)
SERIAL: Final = Bytes(8)
DIGEST: Final = Bytes(32)
OBJECT: Final = Bytes(1, 4096)  # a nested signed object, taken apart only later
PUBLIC_KEY: Final = PublicKey()
CURRENCY: Final = Text(3, 3, CURRENCY_PATTERN)
IDENTIFIER: Final = Text(1, 64, PLAIN_TEXT_PATTERN)
NAME: Final = Text(1, 200, PLAIN_TEXT_PATTERN)
ORDER: Final = Text(0, 64, PLAIN_TEXT_PATTERN)
