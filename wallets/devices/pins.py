"""The codes a phone sends in place of its holder's PIN (protocol section 2).

The device secret stays here; the PIN is typed for each code and kept nowhere. A counter is saved
before its code is handed out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from config.wire import b64
from wallets.wire import pin_code

WINDOW: Final = 20  # counters above the last successful one that the portal accepts


@dataclass(frozen=True, slots=True, kw_only=True)
class PinCode:
    """A code and the counter it was made with."""

    counter: int
    code: str


class PinCodes:
    """One phone's counter. ``save`` returns once the state is on the disk."""

    def __init__(
        self,
        *,
        device_secret: bytes,
        save: Callable[[dict[str, Any]], None],
        used: int = 0,
        confirmed: int = 0,
    ) -> None:
        self._device_secret = device_secret
        self._save = save
        self._used = used
        self._confirmed = confirmed  # the newest counter known to have succeeded

    def psn_key(self, *, pin: str) -> bytes:
        """Return the key that enrolment and a change of PIN give to the portal."""
        return pin_code.psn_key(device_secret=self._device_secret, pin=pin)

    def new(self, *, pin: str, subject: str, card: bytes) -> PinCode:
        """Return a code for a subject (T-ID, TSN or ``PIN``) and a card's 16-byte token.

        :raises Malformed: a PIN, subject or card that makes no code
        :raises OSError: the disk did not take the counter; there is no code
        """
        counter = self._used + 1
        code = pin_code.pin_code(
            psn_key=self.psn_key(pin=pin), subject=subject, card_token=card, counter=counter
        )
        self._keep(used=counter, confirmed=self._confirmed)
        return PinCode(counter=counter, code=code)

    def succeeded(self, counter: int) -> None:
        """Note that the portal took a code: it counts on from there."""
        if counter > self._confirmed:
            self._keep(used=max(self._used, counter), confirmed=counter)

    def ahead(self) -> None:
        """Take it that the portal finds the counter too far ahead: go back to what it accepts.

        Only codes that never succeeded are made again, for another subject; the portal's own
        window sees to it that none succeeds twice.
        """
        self._keep(used=self._confirmed, confirmed=self._confirmed)

    def behind(self, counter: int) -> None:
        """Take it that the portal has taken ``counter`` or a later one: go on beyond it.

        A step as wide as the portal's window cannot pass over it.
        """
        self._keep(used=counter + WINDOW - 1, confirmed=max(self._confirmed, counter))

    def _keep(self, *, used: int, confirmed: int) -> None:
        self._save(self._state(used, confirmed))
        self._used, self._confirmed = used, confirmed

    def _state(self, used: int, confirmed: int) -> dict[str, Any]:
        return {
            "device_secret": b64.encode(self._device_secret),
            "used": used,
            "confirmed": confirmed,
        }

    def to_state(self) -> dict[str, Any]:
        """Return the state as JSON-able values; the secret is in it, so keep it as one."""
        return self._state(self._used, self._confirmed)

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], *, save: Callable[[dict[str, Any]], None]
    ) -> Self:
        """Return what :meth:`to_state` wrote."""
        return cls(
            device_secret=b64.decode(state["device_secret"]),
            save=save,
            used=state["used"],
            confirmed=state["confirmed"],
        )
