"""The 128-byte datagrams between terminals and the result notification server (protocol §4.2)."""

import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, Self

from config.wire import schema
from config.wire.errors import BadSignature, Malformed

LENGTH: Final = 128
MAGIC: Final = b"PD"
VERSION: Final = 1
NONCE_BYTES: Final = 8
MAC_BYTES: Final = 16
_BLOCK: Final = 64  # of SHA-256, in bytes

# What the places hold says _Fields.
_LAYOUT: Final = struct.Struct(">2sBBI8sQBB40sQ3s6sI25s")
_HEAD: Final = struct.Struct(">2sBBI")
_ZEROS: Final = bytes(25)
_CURRENCY: Final = re.compile(rb"[A-Z]{3}|\0{3}")
_APPROVAL: Final = re.compile(rb"[0-9A-Z]*")
_PRINTABLE: Final = re.compile(rb"[!-~]*")


class DatagramKind(IntEnum):
    """What a datagram is."""

    REGISTER = 1
    REGISTERED = 2
    RESULT = 3
    RESULT_ACK = 4
    QUERY = 5
    STATE = 6


class DatagramState(IntEnum):
    """A payment's state as a datagram tells it; ``UNKNOWN``: no such T-ID for this terminal."""

    NONE = 0
    REQUESTED = 1
    CLAIMED = 2
    APPROVING = 3
    APPROVED = 4
    DECLINED = 5
    CANCELLED = 6
    EXPIRED = 7
    REVERSED = 8
    UNKNOWN = 255


_TELLS_STATE: Final = (DatagramKind.REGISTERED, DatagramKind.RESULT, DatagramKind.STATE)
_HAS_NUMBER: Final = (DatagramKind.RESULT, DatagramKind.RESULT_ACK)
_NOTHING: Final = (DatagramState.NONE, 0, "", "")
_KINDS: Final = frozenset(kind.value for kind in DatagramKind)
_STATES: Final = frozenset(state.value for state in DatagramState)


class _Fields(NamedTuple):
    """The layout's fields in their order."""

    magic: bytes
    version: int
    kind: int
    terminal: int
    nonce: bytes
    ms: int
    state: int
    tid_length: int
    tid: bytes
    amount: int
    currency: bytes
    approval: bytes
    number: int
    zeros: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """
    One datagram; fields its kind does not use keep their defaults, whatever was received.

    ``ms`` is the sender's time in milliseconds since the epoch, ``amount`` minor units, ``number``
    the message number of a result.
    """

    kind: DatagramKind
    terminal: int
    nonce: bytes
    ms: int
    tid: str
    state: DatagramState = DatagramState.NONE
    amount: int = 0
    currency: str = ""
    approval: str = ""
    number: int = 0

    def encode(self, secret: bytes) -> bytes:
        """
        Return the 128 bytes, authenticated with the terminal's secret.

        :raises Malformed: a field does not fit its place
        """
        tells_state = self.kind in _TELLS_STATE
        if len(self.nonce) != NONCE_BYTES:
            raise Malformed("A nonce is 8 bytes.")
        tid = _ascii(self.tid, most=40)
        try:
            body = _LAYOUT.pack(
                MAGIC,
                VERSION,
                self.kind,
                self.terminal,
                self.nonce,
                self.ms,
                self.state if tells_state else 0,
                len(tid),
                tid,
                self.amount if tells_state else 0,
                _ascii(self.currency, most=3) if tells_state else b"",
                _ascii(self.approval, most=6) if tells_state else b"",
                self.number if self.kind in _HAS_NUMBER else 0,
                _ZEROS,
            )
        except struct.error as error:
            raise Malformed("A number does not fit its place.") from error
        return body + _mac(body, secret)

    @classmethod
    def decode(cls, data: bytes, secret: bytes) -> Self:
        """
        Return the datagram in ``data``, authenticated with the terminal's secret.

        Decoding is structural: whether the T-ID exists and is this terminal's is the server's to
        judge, as are time and nonce.

        :raises Malformed: length, magic, version or kind is wrong, padding is not zero, or a field
            the kind uses is out of form
        :raises BadSignature: the MAC does not fit
        """
        terminal_of(data)
        body = data[:-MAC_BYTES]
        if not hmac.compare_digest(data[-MAC_BYTES:], _mac(body, secret)):
            raise BadSignature("The datagram's MAC does not fit.")
        fields = _Fields(*_LAYOUT.unpack(body))
        kind = DatagramKind(fields.kind)
        state, amount, currency, approval = _told(fields) if kind in _TELLS_STATE else _NOTHING
        return cls(
            kind=kind,
            terminal=fields.terminal,
            nonce=fields.nonce,
            ms=fields.ms,
            tid=_tid_of(fields),
            state=state,
            amount=amount,
            currency=currency,
            approval=approval,
            number=fields.number if kind in _HAS_NUMBER else 0,
        )


class Mac:
    """The MAC under one secret, for whoever makes many: the key's two blocks are hashed once.

    HMAC-SHA-256 (RFC 2104 §4 suggests as much), its first 16 bytes.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes) -> None:
        """:param secret: at most 64 bytes, one block of the hash."""
        block = secret.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def of(self, body: bytes) -> bytes:
        """Return the 16 bytes that authenticate ``body``."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return outer.digest()[:MAC_BYTES]


def terminal_of(data: bytes) -> int:
    """
    Return the terminal number of a datagram not yet authenticated, to look its secret up by.

    :raises Malformed: length, magic, version or kind is wrong
    """
    if len(data) != LENGTH:
        raise Malformed("A datagram is 128 bytes.")
    magic, version, kind, terminal = _HEAD.unpack_from(data)
    if magic != MAGIC or version != VERSION or kind not in _KINDS:
        raise Malformed("The datagram's magic, version or kind is wrong.")
    return int(terminal)


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, hashlib.sha256)[:MAC_BYTES]


def _tid_of(fields: _Fields) -> str:
    tid, padding = fields.tid[: fields.tid_length], fields.tid[fields.tid_length :]
    if fields.tid_length > len(fields.tid) or any(padding) or any(fields.zeros):
        raise Malformed("The datagram's padding is not zero.")
    if _PRINTABLE.fullmatch(tid) is None:
        raise Malformed("The datagram's T-ID is not printable ASCII.")
    return tid.decode("ascii")


def _told(fields: _Fields) -> tuple[DatagramState, int, str, str]:
    approval = fields.approval.rstrip(b"\0")
    if (
        fields.state not in _STATES
        or fields.amount > schema.AMOUNT_MAX
        or _CURRENCY.fullmatch(fields.currency) is None
        or _APPROVAL.fullmatch(approval) is None
    ):
        raise Malformed("The datagram's state, amount, currency or code is out of form.")
    currency = fields.currency.rstrip(b"\0").decode("ascii")
    return DatagramState(fields.state), fields.amount, currency, approval.decode("ascii")


def _ascii(text: str, *, most: int) -> bytes:
    data = text.encode("ascii", errors="replace")
    if len(data) > most or _PRINTABLE.fullmatch(data) is None or data.decode("ascii") != text:
        raise Malformed(f"Not at most {most} printable ASCII characters.")
    return data
