"""One T-ID from the till's side: what is asked next, and what is believed.

Only three things are believed: the portal's answer over HTTPS, a RESULT with a good MAC, and an
answer with a good MAC to a nonce of ours. A final state is never left but for APPROVED to REVERSED,
and a sale whose end is unknown stays open until the portal has told it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from merchants.devices.bills import LeftBill, Phase
from merchants.devices.notices import Notices
from merchants.devices.sale_facts import (
    APPROVED,
    DECLINED,
    FINAL,
    OPEN,
    SHOWN,
    Call,
    CallKind,
    Display,
    Facts,
    Opened,
)
from merchants.wire.datagram import Datagram, DatagramKind, DatagramState

LIFE_S: Final = 300.0  # of a T-ID the portal has never answered for
GRACE_S: Final = 1.0  # what the portal itself needs to end what expires
LOOK_EVERY_S: Final = 5.0
LOOKS_AT_THE_END: Final = 5  # for a reason or a code, once the end is known
_PATH: Final = "/terminal/payments"
_RETRY_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_UNDECIDED: Final = frozenset({401, 408, 425, 429})
_IN_PROGRESS: Final = "idempotency_in_progress"
_TOO_LATE: Final = frozenset({"already_cleared", "already_refunded"})


class Sale:
    """One request to pay. ``note`` is told why something genuine-looking was ignored."""

    def __init__(
        self,
        *,
        facts: Facts,
        notices: Notices,
        note: Callable[[str], None],
        bill: LeftBill | None = None,
    ) -> None:
        self.facts = facts
        self.notices = notices
        self.bill = bill
        self._note = note
        self._in_doubt = False
        self._is_overdue = False
        self._wants_look = False
        self._asking: CallKind | None = None
        self._next_call_at = 0.0
        self._tries = 0
        self._told_ms = 0

    @property
    def display(self) -> Display:
        """Return what the screen says now."""
        if self.facts.refused:
            return Display.REFUSED
        if self.facts.is_closed:
            return SHOWN[self.facts.state]
        if self._in_doubt or self._is_overdue or self.facts.wants_cancel:
            return Display.CHECKING
        return SHOWN.get(self.facts.state, Display.REQUESTED)

    @property
    def is_at_rest(self) -> bool:
        """Return whether nothing is asked or to be asked: it may be forgotten."""
        bill_is_gone = self.bill is None or (
            self.bill.phase is Phase.GONE and not self.bill.is_asking
        )
        return self.facts.is_closed and self._asking is None and bill_is_gone

    def resume(self, *, at: float) -> None:
        """Go on after a restart: what is shown is unknown until the portal has told it."""
        if not self.facts.is_closed:
            self._in_doubt = self._wants_look = True
            self.facts.may_be_there = True
            if self.facts.accepted:
                self.notices.register(at=at)

    def cancel(self, *, reason: str = "") -> None:
        """Wish the payment to end, or to be reversed; done once the portal has the request."""
        facts = self.facts
        if not facts.refused and (facts.state == APPROVED or not facts.is_closed):
            facts.wish_to_cancel(reason=reason)
            self._tries, self._next_call_at = 0, 0.0

    def tick(self, *, at: float, server_at: float) -> list[bytes]:
        """Look at the clock and return the datagrams that are due."""
        facts = self.facts
        if not facts.is_closed and not facts.wants_cancel:
            if not facts.accepted and at >= facts.opened_at + LIFE_S:
                # Asked for once more and then cancelled: a request still on its way must not be
                # paid after the till has forgotten it.
                facts.wish_to_cancel(timed_out=True)
            elif facts.accepted and not self._is_overdue and server_at >= self._ends_at:
                self._is_overdue = True
                self.notices.query(at=at)
        was_silent = self.notices.silent
        datagrams = self.notices.tick(at=at, server_at=server_at)
        self._in_doubt = self._in_doubt or (self.notices.silent and not was_silent)
        return datagrams

    @property
    def _ends_at(self) -> float:
        return self.facts.expires_at + GRACE_S

    def due_at(self, *, offset_s: float) -> float | None:
        """Return when there is something to do next, local time; ``offset_s``: server less local.

        None where only an answer or a person brings the next thing.
        """
        facts = self.facts
        times = [self.notices.due_at]
        if self._asking is None and self._wanted() is not None:
            times.append(self._next_call_at)
        if not facts.is_closed and not facts.wants_cancel and not self._is_overdue:
            local_end = self._ends_at - offset_s
            times.append(local_end if facts.accepted else facts.opened_at + LIFE_S)
        return min((time for time in times if time is not None), default=None)

    def next_call(self, *, at: float) -> Call | None:
        """Return the request to the portal that is due; one at a time, its end is to be told."""
        kind = self._wanted()
        if kind is None or self._asking is not None or at < self._next_call_at:
            return None
        self._asking = kind
        facts, bill = self.facts, self.bill
        if kind is CallKind.REQUEST:
            return Call(
                tid=facts.tid,
                kind=kind,
                path=_PATH,
                body=facts.request(bill_digest=bill.digest if bill else None),
                idempotency_key=f"request-{facts.tid}",
            )
        if kind is CallKind.LOOK:
            return Call(tid=facts.tid, kind=kind, path=f"{_PATH}/{facts.tid}")
        facts.cancel_sent = True
        key = f"cancel-{facts.tid}-{facts.cancels}"
        path = f"{_PATH}/{facts.tid}/cancel"
        return Call(tid=facts.tid, kind=kind, path=path, idempotency_key=key)

    def _wanted(self) -> CallKind | None:
        if self.facts.refused:
            return None
        if not self.facts.accepted:
            return None if self.facts.is_closed else CallKind.REQUEST
        if self.facts.wants_cancel:
            return CallKind.CANCEL
        return CallKind.LOOK if self._wants_look or self.notices.silent else None

    def told(
        self,
        document: Mapping[str, Any],
        *,
        kind: CallKind,
        at: float,
        opened: Opened | None = None,
    ) -> None:
        """Take the payment as the portal told it in answer to a call; ``opened`` with a REQUEST.

        :raises LookupError: it is not this payment
        """
        if (document["amount"], document["currency"]) != self.facts.money:
            raise LookupError("The answer is about another amount.")
        state = str(document["state"])
        if opened is not None:
            self._accept(opened, at=at)
        self._in_doubt = self._wants_look = False
        self.facts.cancels += kind is CallKind.CANCEL
        self._believe(
            state,
            code=document.get("approval_code") or "",
            reason=document.get("decline_reason") or "",
            by_cancel=kind is CallKind.CANCEL,
        )
        self._settle_call(at=at, wait_s=LOOK_EVERY_S if self._wanted() is kind else 0.0)

    def _accept(self, opened: Opened, *, at: float) -> None:
        facts = self.facts
        facts.accepted = True
        facts.expires_at = opened.expires_at
        facts.rns_host, facts.rns_port = opened.rns_host, opened.rns_port
        if facts.state not in FINAL:
            self.notices.register(at=at)

    def refused(self, *, kind: CallKind, status: int, code: str, state: str, at: float) -> None:
        """Take a refusal of a call; ``state`` is the payment's, where the problem names it."""
        undecided = status in _UNDECIDED or code == _IN_PROGRESS
        if undecided or (kind is CallKind.LOOK and status != 404):
            self.unreachable(at=at)
        elif kind is CallKind.REQUEST:
            self._request_refused(status=status, code=code, at=at)
        elif status == 404:
            self._unknown_there(at=at)
        else:
            self._cancel_refused(code=code, state=state, at=at)

    def _request_refused(self, *, status: int, code: str, at: float) -> None:
        if status == 403 and self.facts.may_be_there:
            # An earlier try may have got through before the door was shut: not decided.
            self.unreachable(at=at)
            return
        self._settle_call(at=at)
        self.facts.refused = code
        self.notices.stop()

    def _unknown_there(self, *, at: float) -> None:
        """The portal has lost the payment: the same request brings it back, to be ended well."""
        self._settle_call(at=at)
        self._wants_look = False
        if not self.facts.is_closed:
            self.facts.cancels += 1
            self.facts.accepted = False
            self._in_doubt = True

    def _cancel_refused(self, *, code: str, state: str, at: float) -> None:
        self._settle_call(at=at)
        self.facts.cancels += 1
        self._wants_look = True
        if code in _TOO_LATE:
            self._believe(APPROVED, reason=code, by_cancel=True)
        elif state in FINAL:
            self._believe(state, by_cancel=True)
        else:
            # Somebody else decides just now: what came of it is looked for.
            self.facts.wants_cancel = False
            self._in_doubt = True

    def unreachable(self, *, at: float) -> None:
        """Take it that a call was not answered, or by nothing that decides."""
        tries = self._tries + 1
        self.facts.may_be_there = self.facts.may_be_there or self._asking is CallKind.REQUEST
        self._settle_call(at=at, wait_s=_RETRY_S[min(tries, len(_RETRY_S)) - 1])
        self._tries = tries
        if not self.facts.is_closed:
            self._in_doubt = True
        elif tries >= LOOKS_AT_THE_END:
            self._wants_look = False

    def _settle_call(self, *, at: float, wait_s: float = 0.0) -> None:
        self._asking = None
        self._tries = 0
        self._next_call_at = at + wait_s

    def heard(self, datagram: Datagram, *, at: float, server_at: float) -> bytes | None:
        """Take a datagram with a good MAC that names this T-ID; return its acknowledgement."""
        if datagram.kind is DatagramKind.RESULT:
            return self._heard_result(datagram, server_at=server_at)
        if not self.notices.expects(datagram):
            self._note("nonce")
        elif datagram.state is DatagramState.UNKNOWN:
            # Retries go on meanwhile: the server may only not have seen the request yet.
            self._wants_look = True
        elif self._is_ours(datagram):
            if self.facts.state not in FINAL:  # a late answer must not begin the keep-alive anew
                self.notices.answered(datagram, at=at)
            self._in_doubt = False
            if datagram.ms >= self._told_ms or datagram.state.name in FINAL:
                self._told_ms = datagram.ms
                self._believe(datagram.state.name, code=datagram.approval)
        return None

    def _heard_result(self, datagram: Datagram, *, server_at: float) -> bytes | None:
        if datagram.number < 1 or datagram.state.name not in FINAL or not self._is_ours(datagram):
            return None
        if datagram.number > self.facts.number:
            self.facts.number = datagram.number
            self._believe(datagram.state.name, code=datagram.approval)
        return self.notices.acknowledge(datagram, server_at=server_at)

    def _is_ours(self, datagram: Datagram) -> bool:
        fits = (datagram.amount, datagram.currency) == self.facts.money
        if not fits:
            self._note("mismatch")
            self._wants_look = True
        return fits

    def _believe(
        self, state: str, *, code: str = "", reason: str = "", by_cancel: bool = False
    ) -> None:
        facts = self.facts
        if facts.take(state, code=code, reason=reason, by_cancel=by_cancel):
            self.notices.stop()
            self._in_doubt = False
            # Datagrams carry no reason: it is looked up, while the end is shown already.
            self._wants_look = self._wants_look or (state == DECLINED and not reason)
        elif facts.state in OPEN and self._is_overdue and not facts.wants_cancel:
            facts.wish_to_cancel(timed_out=True)
