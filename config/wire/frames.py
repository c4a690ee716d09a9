"""Frames of a tap: CBOR maps behind a 4-byte big-endian length, on a stream socket.

A tap is short, so one conversation has one budget of seconds for all its frames: a peer that drips
bytes cannot hold a reader longer than a peer that sends nothing (the exchange's time limit is also
what bounds a relayed tap).
"""

import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

from config.wire import cbor
from config.wire.errors import Malformed, WireError

LIMIT_BYTES: Final = 64 * 1024
BUDGET_S: Final = 10.0
_HEADER_BYTES: Final = 4


class FrameBroken(WireError):
    """The peer went away, took too long, or sent what is no frame."""


class Conversation:
    """Both directions of one connected socket, within one budget of seconds."""

    def __init__(
        self,
        *,
        connection: socket.socket,
        budget_s: float = BUDGET_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._ends = monotonic() + budget_s

    def send(self, message: Mapping[str, object]) -> None:
        """Send ``message`` as one frame.

        :raises FrameBroken: it is longer than a frame may be, or the peer does not take it in time
        """
        body = cbor.encode(dict(message))
        if len(body) > LIMIT_BYTES:
            raise FrameBroken(f"A frame of {len(body)} bytes is too long.")
        try:
            self._connection.settimeout(self._left_s())
            self._connection.sendall(len(body).to_bytes(_HEADER_BYTES) + body)
        except OSError as broken:
            raise FrameBroken("The peer did not take the frame.") from broken

    def receive(self) -> dict[str, object]:
        """Return the next frame's map.

        :raises FrameBroken: closed, too slow, too long, or not a CBOR map with text keys
        """
        length = int.from_bytes(self._exactly(_HEADER_BYTES))
        if not 0 < length <= LIMIT_BYTES:
            raise FrameBroken(f"A frame of {length} bytes is not taken.")
        body = self._exactly(length)
        try:
            message = cbor.decode(body)
        except Malformed as malformed:
            raise FrameBroken("The frame is not deterministic CBOR.") from malformed
        if not isinstance(message, dict):
            raise FrameBroken("The frame is not a map.")
        named: dict[str, object] = {
            key: value for key, value in message.items() if isinstance(key, str)
        }
        if len(named) != len(message):
            raise FrameBroken("The frame's keys are not text.")
        return named

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            try:
                self._connection.settimeout(self._left_s())
                part = self._connection.recv(count - len(parts))
            except OSError as broken:
                raise FrameBroken("The peer fell silent.") from broken
            if not part:
                raise FrameBroken("The peer closed the connection.")
            parts += part
        return bytes(parts)

    def _left_s(self) -> float:
        left_s = self._ends - self._monotonic()
        if left_s <= 0:  # settimeout(0) would mean "do not block", not "no time left"
            raise FrameBroken("The conversation took too long.")
        return left_s


def binary(message: Mapping[str, object], name: str) -> bytes:
    """Return the byte string ``name`` of a frame.

    :raises FrameBroken: it is absent or of another type
    """
    value = message.get(name)
    if not isinstance(value, bytes):
        raise FrameBroken(f"The frame has no byte string {name!r}.")
    return value


def text(message: Mapping[str, object], name: str) -> str:
    """Return the text ``name`` of a frame.

    :raises FrameBroken: it is absent or of another type
    """
    value = message.get(name)
    if not isinstance(value, str):
        raise FrameBroken(f"The frame has no text {name!r}.")
    return value
