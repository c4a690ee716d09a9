"""
The base of all signed objects: a frozen dataclass whose fields carry their CBOR key and kind.

Each kind of object is a strict schema of its own. Reading one refuses unknown and missing keys,
wrong types and values out of bounds, so that no object is ever taken for another.
"""

import dataclasses
from collections.abc import Callable, Iterable
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


type _Read = tuple[int, str, Callable[[object], Any]]  # key, attribute, how its value is read


class _Schema(NamedTuple):
    """What a class says of its keys; ``reads``, what every record of a batch goes through."""

    keys: tuple[_Key, ...]  # in ascending order
    numbers: frozenset[int]  # of those that must be there
    reads: tuple[_Read, ...]  # of those that must be there
    further: tuple[_Read, ...]  # of the others


def at_key(key: int, kind: Kind[Any]) -> dict[str, object]:
    """Return the field metadata that puts an attribute at an integer key of the CBOR map."""
    return {"key": key, "kind": kind}


_SCHEMAS: Final[dict[type[object], _Schema]] = {}


def _schema_of(cls: type[Any]) -> _Schema:
    """Return the schema of a class; a default makes a key optional."""
    if cls not in _SCHEMAS:
        _SCHEMAS[cls] = _schema(dataclasses.fields(cls))
    return _SCHEMAS[cls]


def _schema(fields: Iterable[dataclasses.Field[Any]]) -> _Schema:
    keys = sorted(
        _Key(
            number=field.metadata["key"],
            attribute=field.name,
            kind=field.metadata["kind"],
            optional=field.default is not dataclasses.MISSING,
        )
        for field in fields
    )
    reads = [(key.optional, (key.number, key.attribute, key.kind.read)) for key in keys]
    return _Schema(
        keys=tuple(keys),
        numbers=frozenset(key.number for key in keys if not key.optional),
        reads=tuple(read for optional, read in reads if not optional),
        further=tuple(read for optional, read in reads if optional),
    )


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
        schema = _schema_of(cls)
        if not value.keys() >= schema.numbers:
            lacking = min(schema.numbers - value.keys())
            raise Malformed(f"{cls.__name__} lacks key {lacking}.")
        arguments = {attribute: read(value[number]) for number, attribute, read in schema.reads}
        for number, attribute, read in schema.further:
            if number in value:
                arguments[attribute] = read(value[number])
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
        for number, attribute, kind, optional in _schema_of(cls).keys:
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
