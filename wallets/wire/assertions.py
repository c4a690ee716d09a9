"""The assertion by which a phone says that its holder has just proved who they are (§7)."""

from dataclasses import dataclass, field

from config.wire import schema
from config.wire.errors import Malformed
from config.wire.objects import SignedObject, at_key

CHALLENGE_BYTES_MAX = 64


class _Truth:
    """True or false, and no integer that stands for either."""

    __slots__ = ()

    def read(self, value: object) -> bool:
        if type(value) is not bool:
            raise Malformed("Neither true nor false.")
        return value

    write = read


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion(SignedObject):
    """
    The phone's word, under its device key, for one challenge of the portal.

    ``verified``: the phone checked its holder by PIN or biometric, just now.
    """

    VERSION = None
    BYTES_MAX = 1024

    challenge: bytes = field(metadata=at_key(1, schema.Bytes(1, CHALLENGE_BYTES_MAX)))
    device: str = field(metadata=at_key(2, schema.IDENTIFIER))
    app_serial: str = field(metadata=at_key(3, schema.IDENTIFIER))
    verified: bool = field(metadata=at_key(4, _Truth()))
