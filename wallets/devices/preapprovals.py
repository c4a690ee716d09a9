"""A phone that has amounts approved beforehand and takes one number to the machine (protocol §7).

The portal tells a number once; the phone keeps it until it has ended. What was asked is kept until
it is answered and goes out again with the same bytes under the same key: it is one approval.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.wire import b64
from config.wire.client import PortalRefused, PortalSession
from config.wire.keys import SigningKey
from wallets.devices.proofs import prove

_KEY_BYTES: Final = 16
_UNDECIDED: Final = frozenset({401, 408, 425, 429})
_IN_PROGRESS: Final = "idempotency_in_progress"
LIVE: Final = frozenset({"APPROVED", "IN_PROGRESS", "SUSPENSE"})

type State = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a customer wants: ``amount_minor`` of ``currency`` from ``card`` (its 16-byte token).

    ``kind``: CASH, GIFT or LOTTERY. ``valid_s``: how long the number is good, None as is usual;
    ``bound_to``: where alone it shall work, as the protocol's object.
    """

    kind: str
    card: bytes
    amount_minor: int
    currency: str
    valid_s: int | None = None
    pickup_code: str = ""
    partial: bool = False
    bound_to: Mapping[str, str] | None = None

    def body(self) -> State:
        """Return it as ``POST /wallet/preapprovals`` wants it, without the authentication."""
        of_some = {
            "valid_s": self.valid_s,
            "pickup_code": self.pickup_code,
            "partial": self.partial,
            "bound_to": dict(self.bound_to or {}),
        }
        return {
            "kind": self.kind,
            "card": b64.encode(self.card),
            "amount": self.amount_minor,
            "currency": self.currency,
            **{name: value for name, value in of_some.items() if value},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the portal said: a number to type and the code to show, or why there is none."""

    preapproval: str
    state: str
    number: str = ""
    code: str = ""
    decline_reason: str = ""


class PhonePreapprovals:
    """One phone's pre-approvals at one portal. ``save`` returns once the state is on the disk.

    Every call may raise PortalRefused and PortalUnreachable.
    """

    def __init__(
        self,
        *,
        session: PortalSession,
        key: SigningKey,
        device: str,
        app_serial: str,
        random_bytes: Callable[[int], bytes],
        save: Callable[[State], None],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        kept = state or {}
        self._session = session
        self._key = key
        self._device = device
        self._app_serial = app_serial
        self._random_bytes = random_bytes
        self._save = save
        self._asking: State | None = kept.get("asking")
        self._numbers: dict[str, State] = dict(kept.get("numbers", {}))

    def approve(self, wish: Wish, *, verified: bool = True) -> Told:
        """Prove who holds the phone, then have ``wish`` approved; after a lost answer: settle.

        ``verified``: whether the phone has just checked its holder by PIN or biometric.
        """
        proof = prove(
            session=self._session,
            key=self._key,
            device=self._device,
            app_serial=self._app_serial,
            verified=verified,
        )
        body = {"authentication": proof, **wish.body()}
        self._asking = {"body": body, "key": b64.encode(self._random_bytes(_KEY_BYTES))}
        self._keep()
        return self.settle()

    @property
    def is_asking(self) -> bool:
        """Return whether an approval was asked for that nothing has answered."""
        return self._asking is not None

    def settle(self) -> Told:
        """Ask for the answer to what was asked; a refusal that decides ends it."""
        assert self._asking is not None, "something was asked"
        asked = self._asking
        try:
            answer = self._session.post(
                "/wallet/preapprovals", body=asked["body"], idempotency_key=asked["key"]
            ).json()
        except PortalRefused as refused:
            if refused.status not in _UNDECIDED and refused.code != _IN_PROGRESS:
                self._asking = None
                self._keep()
            raise
        told = Told(
            preapproval=answer["preapproval"],
            state=answer["state"],
            number=answer.get("number", ""),
            code=answer.get("code", ""),
            decline_reason=answer.get("decline_reason", ""),
        )
        if told.number:
            self._numbers[told.preapproval] = {"number": told.number, "code": told.code}
        self._asking = None
        self._keep()
        return told

    def number_of(self, preapproval: str) -> str:
        """Return the number of a pre-approval as this phone shows it, "" where it has none."""
        return str(self._numbers.get(preapproval, {}).get("number", ""))

    def list(self) -> list[State]:
        """Return the newest of the customer's pre-approvals; forget numbers that have ended."""
        found: list[State] = self._session.get("/wallet/preapprovals").json()["preapprovals"]
        ended = {one["preapproval"] for one in found if one["state"] not in LIVE}
        if ended & self._numbers.keys():
            self._numbers = {r: kept for r, kept in self._numbers.items() if r not in ended}
            self._keep()
        return found

    def cancel(self, preapproval: str) -> State:
        """Take a number back while no machine has it; return the pre-approval as it ended."""
        answer = self._session.delete(f"/wallet/preapprovals/{preapproval}").json()
        self._numbers.pop(preapproval, None)
        self._keep()
        return answer

    def _keep(self) -> None:
        self._save({"asking": self._asking, "numbers": self._numbers})
