"""What a phone asks for and may be told no: a new card, and leave to sign out."""

from dataclasses import dataclass
from typing import Any, Self

from config.wire.keys import SigningKey


class CardNotAccepted(Exception):
    """The certificate is not for a key this phone made for that card."""


class SignOutRefused(Exception):
    """The portal has not had something of this phone, which would be lost.

    ``copies``: records it has not had; ``acknowledgements``: commands it thinks are still unheard.
    """

    def __init__(self, *, copies: int, acknowledgements: int) -> None:
        super().__init__(f"{copies} copies and {acknowledgements} acknowledgements are unsent.")
        self.copies, self.acknowledgements = copies, acknowledgements


@dataclass(slots=True, kw_only=True)
class Wish:
    """``turn`` rises with each answer that decided nothing for good, so that asking again is new.

    Until then asking is the same act, whatever answers were lost.
    """

    key: SigningKey
    turn: int = 0

    def to_state(self) -> dict[str, Any]:
        """Return the wish as JSON-able values; the key is in it, so keep it as a secret."""
        return {"key": self.key.to_pem().decode(), "turn": self.turn}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the wish that :meth:`to_state` wrote."""
        return cls(key=SigningKey.from_pem(state["key"].encode()), turn=state["turn"])
