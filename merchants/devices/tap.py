"""The reader's end of a tap over a socket, with a log in which every contact opened leaves a line.

The reader speaks first: ``{challenge, certificate, online}``, with ``void`` (the ATC) when a sale
is to be voided. The phone answers ``{record, certificate}`` or ``{refused: code}``; the reader ends
with ``{approved: code}`` or ``{declined: reason}``.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from config.wire import frames
from config.wire.client import PortalRefused, PortalUnreachable
from merchants.devices.reader import Reader
from merchants.devices.rules import Approved, Declined, GoOnline

type Log = Callable[[Mapping[str, object]], None]
type Clock = Callable[[], int]


class TapState(StrEnum):
    """How a contact ended, seen from the till."""

    APPROVED = "approved"
    DECLINED = "declined"
    REFUSED = "refused"  # by the phone
    BROKEN = "broken"  # no record came


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What the till wants paid, in minor units."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """The stored sale the till wants voided."""

    approval_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineAnswer:
    """The portal's word on a tap: an online approval code, or why not."""

    approved: bool
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``code`` is the approval code or the reason; ``told`` whether the phone took the answer."""

    state: TapState
    code: str = ""
    online: bool = False
    told: bool = True


type Authorize = Callable[[bytes, bytes], OnlineAnswer]


def serve(
    *,
    reader: Reader,
    connection: socket.socket,
    peer: str,
    demand: Sale | Void,
    clock: Clock,
    log: Log,
    authorize: Authorize | None = None,
    budget_s: float = frames.BUDGET_S,
) -> Outcome:
    """Carry out one tap on a connection just accepted, log it, and return how it ended.

    ``authorize`` asks the portal about (record, certificate); None: it is not within reach.

    :raises NotVoidable: ``demand`` names no sale that can be voided
    """
    log({"event": "contact_opened", "at": clock(), "reader": reader.device, "peer": peer})
    talk = frames.Conversation(connection=connection, budget_s=budget_s)
    try:
        outcome = _exchange(reader, talk, demand, clock, authorize)
    except frames.FrameBroken as broken:
        outcome = Outcome(state=TapState.BROKEN, code=str(broken), told=False)
    log(
        {
            "event": "contact_closed",
            "at": clock(),
            "reader": reader.device,
            "peer": peer,
            "outcome": outcome.state,
            "code": outcome.code,
            "online": outcome.online,
            "told": outcome.told,
        }
    )
    return outcome


def _exchange(
    reader: Reader,
    talk: frames.Conversation,
    demand: Sale | Void,
    clock: Clock,
    authorize: Authorize | None,
) -> Outcome:
    talk.send(_question(reader, demand, at=clock(), online=authorize is not None))
    reply = talk.receive()
    if "refused" in reply:
        return Outcome(state=TapState.REFUSED, code=frames.text(reply, "refused")[:64])
    record, certificate = frames.binary(reply, "record"), frames.binary(reply, "certificate")
    verdict = reader.judge(
        record=record, certificate=certificate, at=clock(), online=authorize is not None
    )
    if isinstance(verdict, GoOnline):
        assert authorize is not None  # else nothing goes online
        outcome = _ask_portal(reader, authorize, record, certificate)
    else:
        outcome = _outcome(verdict)
    return _tell(talk, outcome)


def _question(reader: Reader, demand: Sale | Void, *, at: int, online: bool) -> dict[str, object]:
    question: dict[str, object] = {"certificate": reader.certificate, "online": online}
    if isinstance(demand, Void):
        challenge, atc = reader.new_void_challenge(approval_code=demand.approval_code, at=at)
        return question | {"challenge": challenge, "void": atc}
    return question | {
        "challenge": reader.new_challenge(
            amount_minor=demand.amount_minor, currency=demand.currency, at=at
        )
    }


def _ask_portal(reader: Reader, authorize: Authorize, record: bytes, certificate: bytes) -> Outcome:
    try:
        answer = authorize(record, certificate)
    except PortalUnreachable:
        return _outcome(reader.online_failed())
    except PortalRefused as refused:
        reader.online_declined()
        return Outcome(state=TapState.DECLINED, code=refused.code, online=True)
    if answer.approved:
        reader.online_approved()
        return Outcome(state=TapState.APPROVED, code=answer.code, online=True)
    reader.online_declined()
    return Outcome(state=TapState.DECLINED, code=answer.code, online=True)


def _outcome(verdict: Approved | Declined) -> Outcome:
    if isinstance(verdict, Approved):
        return Outcome(state=TapState.APPROVED, code=verdict.code)
    return Outcome(state=TapState.DECLINED, code=verdict.reason)


def _tell(talk: frames.Conversation, outcome: Outcome) -> Outcome:
    """Send the answer, which stands even if the phone is gone: the till shows it."""
    try:
        talk.send({str(outcome.state): str(outcome.code)})
    except frames.FrameBroken:
        return Outcome(state=outcome.state, code=outcome.code, online=outcome.online, told=False)
    return outcome
