"""
The base of all signed objects: a frozen dataclass whose fields carry their CBOR key and kind.

Each kind of object is a strict schema of its own. Reading one refuses unknown and missing keys,
wrong types and values out of bounds, so that no object is ever taken for another.
"""

import dataclasses
from typing import Any, ClassVar, Final, NamedTuple, Self

from config.wire import cbor, cose
from config.wire.errors import Malformed
from config.wire.keys import SigningKey
from config.wire.schema import Kind

VERSION_KEY: Final = 1


class _Key(NamedTuple):
    number: int
    attribute: str
    kind: Kind[Any]
    optional: bool


def at_key(key: int, kind: Kind[Any]) -> dict[str, object]:
    """Return the field metadata that puts an attribute at an integer key of the CBOR map."""
    return {"key": key, "kind": kind}


_SCHEMAS: Final[dict[type[object], tuple[_Key, ...]]] = {}


def _keys_of(cls: type[Any]) -> tuple[_Key, ...]:
    """Return the schema of a class in ascending order of keys; a default makes a key optional."""
    if cls not in _SCHEMAS:
        keys = (
            _Key(
                number=field.metadata["key"],
                attribute=field.name,
                kind=field.metadata["kind"],
                optional=field.default is not dataclasses.MISSING,
            )
            for field in dataclasses.fields(cls)
        )
        _SCHEMAS[cls] = tuple(sorted(keys))
    return _SCHEMAS[cls]


class WireMap:
    """A dataclass that stands on the wire as a map with integer keys."""

    __slots__ = ()

    # The fixed value of key 1, or nothing where the object has no version of its own.
    VERSION: ClassVar[int | None] = None

    @classmethod
    def read(cls, value: object) -> Self:
        """
        Return the object a decoded map stands for.

        :raises Malformed: it does not follow the schema to the letter
        """
        if type(value) is not dict:
            raise Malformed(f"{cls.__name__} is not a map.")
        arguments: dict[str, Any] = {}
        for number, attribute, kind, optional in _keys_of(cls):
            if number in value:
                arguments[attribute] = kind.read(value[number])
            elif not optional:
                raise Malformed(f"{cls.__name__} lacks key {number}.")
        known = len(arguments)
        if cls.VERSION is not None:
            version = value.get(VERSION_KEY)
            if type(version) is not int or version != cls.VERSION:
                raise Malformed(f"{cls.__name__} is of another version.")
            known += 1
        if known != len(value):
            raise Malformed(f"{cls.__name__} has unknown keys.")
        made = cls(**arguments)
        made.check()
        return made

    @classmethod
    def write(cls, made: Self) -> dict[int, object]:
        """
        Return the map that ``read`` takes back; an optional attribute that is None stays out.

        :raises Malformed: an attribute is of the wrong type or out of bounds
        """
        made.check()
        entries: dict[int, object] = {}
        if cls.VERSION is not None:
            entries[VERSION_KEY] = cls.VERSION
        for number, attribute, kind, optional in _keys_of(cls):
            value = getattr(made, attribute)
            if value is not None or not optional:
                entries[number] = kind.write(value)
        return entries

    def check(self) -> None:
        """Refuse, by raising ``Malformed``, what no single key can: rules between keys."""


class SignedObject(WireMap):
    """A map with integer keys that travels as COSE_Sign1."""

    __slots__ = ()

    VERSION: ClassVar[int | None] = 1
    # What no honest object of the kind reaches: more is refused before it is read.
    BYTES_MAX: ClassVar[int] = 4096

    def payload(self) -> bytes:
        """
        Return the deterministic CBOR that gets signed.

        :raises Malformed: an attribute breaks the schema
        """
        return cbor.encode(type(self).write(self))

    def sign(self, *, key: SigningKey) -> bytes:
        """
        Return the object as COSE_Sign1 under ``key``.

        :raises Malformed: an attribute breaks the schema
        """
        return cose.sign(payload=self.payload(), key=key)

    @classmethod
    def open(cls, data: bytes, *, public_key: bytes) -> Self:
        """
        Return the object in ``data`` once ``public_key`` (65 bytes) has verified it.

        :raises BadSignature: another key, a wrong signature or a high s
        :raises Malformed: structure or payload break the protocol
        """
        cls._bound(data)
        return cls.of_payload(cose.verify(data=data, public_key=public_key))

    @classmethod
    def peek(cls, data: bytes) -> Self:
        """
        Return the object in ``data`` unverified, for the ids by which its key is looked up.

        :raises Malformed: structure or payload break the protocol
        """
        cls._bound(data)
        return cls.of_payload(cose.parse(data).payload)

    @classmethod
    def of_payload(cls, payload: bytes) -> Self:
        """
        Return the object of a payload that was verified before.

        :raises Malformed: it is not deterministic CBOR or breaks the schema
        """
        return cls.read(cbor.decode(payload))

    @classmethod
    def _bound(cls, data: bytes) -> None:
        if len(data) > cls.BYTES_MAX:
            raise Malformed(f"{cls.__name__} is longer than {cls.BYTES_MAX} bytes.")
