"""Bills that terminals leave at a relay, and their clearing (protocol §4.1)."""

import re
from dataclasses import dataclass, field
from typing import Final

from config.wire import base32, schema
from config.wire.objects import SignedObject, at_key

# The form only: whether digest and check character fit is the portal's to judge.
_TID: Final = schema.Text(23, 23, re.compile(f"T[{base32.ALPHABET}]{{22}}"))
_SLOT: Final = schema.Text(1, 16, re.compile(r"[A-Za-z0-9-]+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill(SignedObject):
    """
    What a terminal asks to be paid, for any phone that looks at the relay.

    ``amount`` in minor units, ``expires`` in epoch seconds, ``terminal`` the terminal's number,
    ``order`` may be empty.
    """

    merchant: str = field(metadata=at_key(2, schema.IDENTIFIER))
    terminal: int = field(metadata=at_key(3, schema.TERMINAL_NUMBER))
    tid: str = field(metadata=at_key(4, _TID))
    amount: int = field(metadata=at_key(5, schema.AMOUNT))
    currency: str = field(metadata=at_key(6, schema.CURRENCY))
    order: str = field(metadata=at_key(7, schema.ORDER))
    nonce: bytes = field(metadata=at_key(8, schema.NONCE))
    expires: int = field(metadata=at_key(9, schema.TIME))
    relay: str = field(metadata=at_key(10, schema.IDENTIFIER))


@dataclass(frozen=True, slots=True, kw_only=True)
class BillClear(SignedObject):
    """The terminal's order to a relay to empty a slot."""

    relay: str = field(metadata=at_key(2, schema.IDENTIFIER))
    slot: str = field(metadata=at_key(3, _SLOT))
    nonce: bytes = field(metadata=at_key(4, schema.NONCE))
