"""
Structured field values for HTTP (RFC 9651): dictionaries of items and inner lists.

Only what signatures and digests use: integers, strings, tokens, byte sequences and booleans. A key
that comes twice is refused, where the standard lets the last one win: no signature rests on that.
"""

import base64
import re
from typing import Final, NamedTuple, NoReturn

from config.wire.errors import Malformed


class Token(str):
    """A structured field token, which is no string (RFC 9651 §3.3.4)."""

    __slots__ = ()


type Bare = int | str | bytes | bool | Token


class Item(NamedTuple):
    """A bare item with its parameters."""

    value: Bare
    parameters: dict[str, Bare]


class InnerList(NamedTuple):
    """Items in parentheses, with parameters of their own."""

    items: list[Item]
    parameters: dict[str, Bare]


# No honest header of this protocol is longer.
_LENGTH_MAX: Final = 8192

_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_BYTES: Final = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_BOOLEAN: Final = re.compile(r"\?([01])")
_SPACES: Final = re.compile(r" *")
_COMMA: Final = re.compile(r"[ \t]*,[ \t]*(?=[a-z*])")


def parse_dictionary(text: str) -> dict[str, Item | InnerList]:
    """
    Return the members of a dictionary field (RFC 9651 §4.2.2).

    :raises Malformed: not such a field, a type this project does not use, or a key that comes twice
    """
    if len(text) > _LENGTH_MAX:
        raise Malformed("A structured field is too long.")
    return _Reader(text.strip(" ")).dictionary()


def serialize_inner_list(inner: InnerList) -> str:
    """
    Return the canonical text of an inner list (RFC 9651 §4.1.1.1).

    :raises Malformed: a string holds what is not printable ASCII
    """
    items = " ".join(serialize_item(item) for item in inner.items)
    return f"({items}){_serialize_parameters(inner.parameters)}"


def serialize_item(item: Item) -> str:
    """
    Return the canonical text of an item (RFC 9651 §4.1.3).

    :raises Malformed: a string holds what is not printable ASCII
    """
    return _serialize_bare(item.value) + _serialize_parameters(item.parameters)


def _serialize_parameters(parameters: dict[str, Bare]) -> str:
    return "".join(
        f";{key}" if value is True else f";{key}={_serialize_bare(value)}"
        for key, value in parameters.items()
    )


def _serialize_bare(value: Bare) -> str:
    match value:
        case bool():
            return f"?{value:d}"
        case int():
            return str(value)
        case bytes():
            return f":{base64.b64encode(value).decode('ascii')}:"
        case Token():
            return str(value)
        case str():
            if not (value.isascii() and value.isprintable()):
                raise Malformed("A structured string is printable ASCII.")
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Reader:
    """A place in a text, and the productions that read on from it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def dictionary(self) -> dict[str, Item | InnerList]:
        members: dict[str, Item | InnerList] = {}
        while self.at < len(self.text):
            if members:
                self.take(_COMMA)
            key = self.take(_KEY).group()
            if key in members:
                self.refuse()
            members[key] = self.member()
        return members

    def member(self) -> Item | InnerList:
        if not self.skip("="):
            return Item(True, self.parameters())
        return self.inner_list() if self.skip("(") else self.item()

    def inner_list(self) -> InnerList:
        items: list[Item] = []
        self.take(_SPACES)
        while not self.skip(")"):
            if items and self.text[self.at - 1] != " ":
                self.refuse()
            items.append(self.item())
            self.take(_SPACES)
        return InnerList(items, self.parameters())

    def item(self) -> Item:
        return Item(self.bare(), self.parameters())

    def parameters(self) -> dict[str, Bare]:
        parameters: dict[str, Bare] = {}
        while self.skip(";"):
            self.take(_SPACES)
            key = self.take(_KEY).group()
            if key in parameters:
                self.refuse()
            parameters[key] = self.bare() if self.skip("=") else True
        return parameters

    def bare(self) -> Bare:
        match self.text[self.at : self.at + 1]:
            case '"':
                return _ESCAPE.sub(r"\1", self.take(_STRING).group(1))
            case ":":
                return self.byte_sequence()
            case "?":
                return self.take(_BOOLEAN).group(1) == "1"
            case "-" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9":
                return int(self.take(_INTEGER).group())
            case _:
                return Token(self.take(_TOKEN).group())

    def byte_sequence(self) -> bytes:
        try:
            return base64.b64decode(self.take(_BYTES).group(1), validate=True)
        except ValueError:
            self.refuse()

    def skip(self, literal: str) -> bool:
        found = self.text.startswith(literal, self.at)
        self.at += found * len(literal)
        return found

    def take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            self.refuse()
        self.at = match.end()
        return match

    def refuse(self) -> NoReturn:
        raise Malformed(f"A structured field is malformed at {self.at}.")
