"""Over-the-air commands to phones and their acknowledgements (protocol §5.2)."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from config.wire import schema
from config.wire.errors import Malformed
from config.wire.objects import SignedObject, at_key


class Action(IntEnum):
    """What a command tells the phone to do with the card."""

    BLOCK = 1
    UNBLOCK = 2
    RESET = 3
    CERTIFICATE = 4
    WIPE = 5


# RESET: up to which ATC, uses and amount to subtract. CERTIFICATE: the new one.
_BODIES: Final[dict[Action, dict[int, schema.Kind[Any]]]] = {
    Action.BLOCK: {},
    Action.UNBLOCK: {},
    Action.RESET: {1: schema.COUNT, 2: schema.COUNT, 3: schema.SUM},
    Action.CERTIFICATE: {1: schema.OBJECT},
    Action.WIPE: {},
}


class _Body:
    """A map with integer keys whose form the command's action decides."""

    __slots__ = ()

    def read(self, value: object) -> dict[int, int | bytes]:
        if type(value) is not dict:
            raise Malformed("A command's body is a map.")
        return value

    write = read


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(SignedObject):
    """
    The issuer's order for one card on one phone.

    ``version`` rises with each command for the card. ``body`` is empty but for ``RESET``,
    ``{1: up to ATC, 2: uses, 3: amount}`` which the phone subtracts (minor units), and for
    ``CERTIFICATE``, ``{1: the certificate's bytes}``.
    """

    BYTES_MAX = 8192

    command_id: bytes = field(metadata=at_key(2, schema.TOKEN))
    card_token: bytes = field(metadata=at_key(3, schema.TOKEN))
    version: int = field(metadata=at_key(4, schema.ORDINAL))
    action: Action = field(metadata=at_key(5, schema.Enumerated(Action)))
    issued: int = field(metadata=at_key(6, schema.TIME))
    body: dict[int, int | bytes] = field(metadata=at_key(7, _Body()))

    def check(self) -> None:
        """Refuse a body of another form than the action's."""
        form = _BODIES[self.action]
        if self.body.keys() != form.keys():
            raise Malformed(f"The body is not that of {self.action.name}.")
        for key, kind in form.items():
            kind.read(self.body[key])


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement(SignedObject):
    """
    The phone's word, under its device key, on what it applied and where its counters stand.

    ``version`` is the newest it applied, ``uses`` and ``amount`` (minor units) count since the
    reset, ``atc`` is the last one used.
    """

    command_id: bytes = field(metadata=at_key(2, schema.TOKEN))
    card_token: bytes = field(metadata=at_key(3, schema.TOKEN))
    version: int = field(metadata=at_key(4, schema.COUNT))
    at: int = field(metadata=at_key(5, schema.TIME))
    atc: int = field(metadata=at_key(6, schema.COUNT))
    uses: int = field(metadata=at_key(7, schema.COUNT))
    amount: int = field(metadata=at_key(8, schema.SUM))
