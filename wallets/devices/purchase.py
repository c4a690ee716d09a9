"""One payment by T-ID from the customer's side (protocol section 4.1).

Pure: time comes in as seconds, keys for idempotency from ``new_key``. What the phone shows is what
the portal confirmed at the claim, never a relay's or a till's word; what it approves is what it
showed. An approval without an answer is asked for again with the same bytes under the same key,
over a restart too, so that it is one payment however often it is sent.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any, Final, Self

from config.wire import b64
from merchants.wire import Bill
from wallets.devices.pins import PinCode
from wallets.devices.purchase_words import Act, Claimed, Step, WalletCall

HOLD_S: Final = 10.0  # for a request that the till is just sending
RETRY_AFTER_S: Final = 1.0
_RETRY_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_UNDECIDED: Final = frozenset({401, 408, 425, 429})
_IN_PROGRESS: Final = "idempotency_in_progress"
_TID_UNKNOWN: Final = "tid_unknown"
_BILL_DIFFERS: Final = "bill_differs"


class NotOpen(Exception):
    """Nothing is shown that the customer could decide about."""


class Purchase:
    """One T-ID on one phone; ``bill``: the bytes a relay gave, where it came from one."""

    def __init__(
        self,
        *,
        tid: str,
        at: float,
        new_key: Callable[[], str],
        save: Callable[[dict[str, Any]], None],
        bill: bytes | None = None,
    ) -> None:
        self.tid = tid
        self.step = Step.LOOKING
        self.claimed: Claimed | None = None
        self.reason = ""
        self.approval_code = ""
        self._bill = bill
        self._new_key = new_key
        self._save = save
        self._began = at
        self._next_at = at
        self._tries = 0
        self._call: WalletCall | None = self._make(Act.CLAIM)
        self._counter = 0

    @property
    def counter(self) -> int:
        """Return the counter of the newest PIN code, 0 before the first."""
        return self._counter

    @property
    def due_at(self) -> float | None:
        """Return when :meth:`next_call` has something; None: the customer decides, or it ended."""
        return self._next_at if self._call else None

    def next_call(self, *, at: float) -> WalletCall | None:
        """Return what to ask now; the same until its end is told."""
        return self._call if at >= self._next_at else None

    def approve(
        self,
        *,
        card: str,
        code: PinCode,
        at: float,
        plan: str | None = None,
        max_remainder: int | None = None,
    ) -> None:
        """Pay what is shown with a card (its id); saved before it can be sent.

        :raises NotOpen: nothing is shown
        """
        shown = self._shown()
        body: dict[str, Any] = {
            "card": card,
            "merchant": shown.merchant,
            "amount": shown.amount,
            "currency": shown.currency,
            "counter": code.counter,
            "pin_code": code.code,
        }
        optional = {"plan": plan, "max_remainder": max_remainder}
        body |= {name: value for name, value in optional.items() if value is not None}
        if self._bill is not None:
            body["bill"] = b64.encode(self._bill)
        self._counter = code.counter
        self._begin(Act.APPROVE, at=at, body=body)
        with ExitStack() as undo:
            undo.callback(self._settle_unsaved, Step.OPEN)
            self._save(self.to_state())
            undo.pop_all()

    def release(self, *, at: float) -> None:
        """Give the payment to another phone.

        :raises NotOpen: nothing is shown
        """
        self._shown()
        self._begin(Act.RELEASE, at=at)

    def decline(self, *, at: float) -> None:
        """End the payment: the customer does not want it.

        :raises NotOpen: nothing is shown
        """
        self._shown()
        self._begin(Act.DECLINE, at=at)

    def claim_again(self, *, at: float) -> None:
        """Ask anew what is to be paid: the claim has lapsed, or something has changed."""
        self._began = at
        self._begin(Act.CLAIM, at=at)

    def _shown(self) -> Claimed:
        if self.step is not Step.OPEN or self.claimed is None:
            raise NotOpen(self.step)
        return self.claimed

    def _begin(self, act: Act, *, at: float, body: Mapping[str, Any] | None = None) -> None:
        self._call = self._make(act, body)
        self._next_at, self._tries = at, 0
        self.reason = ""
        self.step = Step.LOOKING if act is Act.CLAIM else Step.CHECKING

    def _make(self, act: Act, body: Mapping[str, Any] | None = None) -> WalletCall:
        path = f"/wallet/payments/{self.tid}/{act.value}"
        return WalletCall(act=act, path=path, idempotency_key=self._new_key(), body=body)

    def answered(self, call: WalletCall, told: Mapping[str, Any], *, at: float) -> None:
        """Take the portal's answer to ``call``."""
        try:
            if call.act is Act.CLAIM:
                self._take_claim(told, at=at)
            else:
                self._take_end(call.act, told, at=at)
        except (LookupError, TypeError, ValueError):
            self.unreachable(call, at=at)  # not the portal's words

    def _take_claim(self, told: Mapping[str, Any], *, at: float) -> None:
        if told["state"] == "APPROVING":
            self._look_again(at=at)
            return
        claimed = Claimed.of_portal(told)
        if self._bill is not None and not claimed.is_of(Bill.peek(self._bill)):
            # Whoever altered it: the phone pays nothing that two hands describe differently.
            self._begin(Act.RELEASE, at=at)
            self.reason = _BILL_DIFFERS
            return
        self.claimed = claimed
        self._settle(Step.OPEN)

    def _take_end(self, act: Act, told: Mapping[str, Any], *, at: float) -> None:
        state = str(told["state"])
        if act is Act.RELEASE:
            self._settle(Step.REFUSED if self.reason else Step.RELEASED, self.reason)
        elif state == "APPROVING":
            self._look_again(at=at)
        else:
            self.approval_code = str(told.get("approval_code") or "")
            self._end(state, reason=str(told.get("decline_reason") or ""))

    def _look_again(self, *, at: float) -> None:
        """The issuer is still asked: the claim's answer tells when there is an end."""
        self._call = self._make(Act.CLAIM)
        self.step = Step.CHECKING
        self._next_at = at + RETRY_AFTER_S

    def _end(self, state: str, *, reason: str = "") -> None:
        steps = {"APPROVED": Step.PAID, "DECLINED": Step.DECLINED}
        step = steps.get(state, Step.ENDED)
        self._settle(step, reason if step is not Step.ENDED else state)

    def _settle_unsaved(self, step: Step, reason: str = "") -> None:
        self.step, self.reason = step, reason
        self._call = None

    def _settle(self, step: Step, reason: str = "") -> None:
        self._settle_unsaved(step, reason)
        if self._counter:
            self._save(self.to_state())

    def refused(
        self,
        call: WalletCall,
        *,
        status: int,
        code: str,
        at: float,
        state: str = "",
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        """Take a problem for an answer; ``state`` is the payment's, where the problem has it."""
        if code == _TID_UNKNOWN and call.act is Act.CLAIM and at < self._began + HOLD_S:
            self.step = Step.WAITING
            self._next_at = at + retry_after_s
        elif status in _UNDECIDED or code == _IN_PROGRESS:
            self.unreachable(call, at=at)
        elif code == "payment_final":
            self._take_final(call, state)
        elif code == "payment_approving":
            self._look_again(at=at)
        elif call.act is Act.APPROVE and code == "tid_not_claimed":
            self.claim_again(at=at)
            self.reason = code
        elif call.act is Act.APPROVE and not code.startswith("bill_"):
            self._settle(Step.OPEN, code)
        elif call.act is Act.RELEASE and self.reason:
            self._settle(Step.REFUSED, self.reason)
        else:
            self._settle(Step.REFUSED, code)

    def _take_final(self, call: WalletCall, state: str) -> None:
        """Only an approval of ours makes it ours: another phone may have paid."""
        ours = call.act is Act.CLAIM and self.step is Step.CHECKING
        if ours:
            self._end(state)
        else:
            self._settle(Step.ENDED, state or "payment_final")

    def unreachable(self, call: WalletCall, *, at: float) -> None:
        """Take it that no answer came: the same call goes out again."""
        if call.act is Act.CLAIM and self._counter == 0 and at >= self._began + HOLD_S:
            self._settle(Step.REFUSED, "unreachable")  # nothing was paid, nothing is lost
            return
        self._next_at = at + _RETRY_S[min(self._tries, len(_RETRY_S) - 1)]
        self._tries += 1

    def to_state(self) -> dict[str, Any]:
        """Return the purchase as JSON-able values: after a restart its open act goes on."""
        return {
            "tid": self.tid,
            "step": self.step.value,
            "reason": self.reason,
            "approval_code": self.approval_code,
            "claimed": self.claimed and asdict(self.claimed),
            "bill": None if self._bill is None else b64.encode(self._bill),
            "counter": self._counter,
            "call": self._call and asdict(self._call),
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        *,
        at: float,
        new_key: Callable[[], str],
        save: Callable[[dict[str, Any]], None],
    ) -> Self:
        """Return the purchase that :meth:`to_state` wrote."""
        bill = state["bill"]
        made = cls(
            tid=state["tid"],
            at=at,
            new_key=new_key,
            save=save,
            bill=None if bill is None else b64.decode(bill),
        )
        made.step = Step(state["step"])
        made.reason = state["reason"]
        made.approval_code = state["approval_code"]
        made.claimed = state["claimed"] and Claimed(**state["claimed"])
        made._counter = state["counter"]
        call = state["call"]
        made._call = call and WalletCall(**call | {"act": Act(call["act"])})
        return made
