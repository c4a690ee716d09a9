"""What enrolment gave a terminal, and keeps it apart from every other."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from config.wire import b64
from config.wire.keys import SigningKey


@dataclass(frozen=True, kw_only=True)
class Identity:
    """``number`` stands in every T-ID; ``secret`` is shared with the portal, 32 bytes."""

    device: str
    merchant: str
    number: int
    secret: bytes
    key: SigningKey

    def to_state(self) -> dict[str, Any]:
        """Return it as JSON-able values, to be kept as a secret."""
        return self._state

    @cached_property
    def _state(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "merchant": self.merchant,
            "number": self.number,
            "secret": b64.encode(self.secret),
            "key": self.key.to_pem().decode(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return what :meth:`to_state` wrote."""
        return cls(
            device=state["device"],
            merchant=state["merchant"],
            number=state["number"],
            secret=b64.decode(state["secret"]),
            key=SigningKey.from_pem(state["key"].encode()),
        )
