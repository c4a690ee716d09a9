"""The blacklist file that readers fetch: full, or a delta on an older version (protocol §5.1)."""

from dataclasses import dataclass, field
from typing import Final

from config.wire import schema
from config.wire.errors import Malformed
from config.wire.objects import SignedObject, at_key
from issuers.wire.rice import K_MAX, RiceSet

_FILE_BYTES_MAX: Final = 64 * 1024 * 1024
_RICE_SET: Final = schema.Row(
    RiceSet,
    schema.Integer(0, K_MAX),
    schema.Integer(0, schema.COUNT_MAX),
    schema.Bytes(0, _FILE_BYTES_MAX),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlacklistFile(SignedObject):
    """
    One immutable step of an issuer's blacklist; removals apply before additions.

    ``base`` is the version it applies to, 0 for a full list; ``wait_s`` the least time before the
    next poll; ``entries`` and ``digest`` describe all list numbers after applying.
    """

    BYTES_MAX = _FILE_BYTES_MAX

    issuer: str = field(metadata=at_key(2, schema.IDENTIFIER))
    version: int = field(metadata=at_key(3, schema.ORDINAL))
    base: int = field(metadata=at_key(4, schema.COUNT))
    issued: int = field(metadata=at_key(5, schema.TIME))
    wait_s: int = field(metadata=at_key(6, schema.COUNT))
    removals: RiceSet = field(metadata=at_key(7, _RICE_SET))
    additions: RiceSet = field(metadata=at_key(8, _RICE_SET))
    entries: int = field(metadata=at_key(9, schema.COUNT))
    digest: bytes = field(metadata=at_key(10, schema.DIGEST))

    def check(self) -> None:
        """Refuse a step that does not lead upwards, and sets whose parts contradict each other."""
        if self.base >= self.version:
            raise Malformed("A version rises above its base.")
        self.removals.check()
        self.additions.check()
