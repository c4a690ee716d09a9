"""The phone's end of a tap over a socket. It connects only after the card has passed its checks."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from config.wire import frames
from wallets.devices.credential import CardRefused, Offer, Refusal
from wallets.devices.phone import Phone
from wallets.wire import Verification

type Address = tuple[str, int]
type Connect = Callable[[Address, float], socket.socket]
# Shows merchant and amount to the customer; None when they walk away.
type Gesture = Callable[[Offer], Verification | None]
type _Question = Mapping[str, object]


class TapState(StrEnum):
    """How a tap ended, seen from the phone."""

    APPROVED = "approved"
    DECLINED = "declined"
    REFUSED = "refused"  # by the phone itself
    UNKNOWN = "unknown"  # no reader, or it fell silent: the till's word counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``code`` is the approval code or the reason.

    ``contacted``: a connection was opened; ``signed``: a record may have gone out.
    """

    state: TapState
    code: str = ""
    contacted: bool = True
    signed: bool = False


def pay(
    *,
    phone: Phone,
    card: bytes,
    address: Address,
    at: int,
    gesture: Gesture,
    connect: Connect = socket.create_connection,
    budget_s: float = frames.BUDGET_S,
) -> Outcome:
    """Pay with ``card`` at the reader at ``address``; ``at`` is the phone's time in epoch seconds.

    A card that fails :meth:`Phone.check_before_contact` opens no connection at all.
    """

    def answer(question: _Question) -> bytes:
        if "void" in question:
            raise CardRefused(Refusal.CHALLENGE_INVALID)
        certificate, challenge = _shown(question)
        return phone.answer_challenge(
            card=card,
            certificate=certificate,
            challenge=challenge,
            at=at,
            verified=_verified(phone, question, gesture, at=at),
            reader_online=question.get("online") is True,
        )

    try:
        phone.check_before_contact(card=card, at=at)
    except CardRefused as refused:
        return Outcome(state=TapState.REFUSED, code=refused.code, contacted=False)
    return _meet(
        phone=phone,
        card=card,
        address=address,
        answer=answer,
        connect=connect,
        budget_s=budget_s,
    )


def void(
    *,
    phone: Phone,
    card: bytes,
    address: Address,
    at: int,
    gesture: Gesture,
    connect: Connect = socket.create_connection,
    budget_s: float = frames.BUDGET_S,
) -> Outcome:
    """Let the reader at ``address`` void an own sale; a sale asked for instead is not signed."""

    def answer(question: _Question) -> bytes:
        voided_atc = question.get("void")
        if type(voided_atc) is not int:
            raise CardRefused(Refusal.CHALLENGE_INVALID)
        certificate, challenge = _shown(question)
        return phone.void(
            card=card,
            certificate=certificate,
            challenge=challenge,
            voided_atc=voided_atc,
            at=at,
            verified=_verified(phone, question, gesture, at=at),
        )

    try:
        phone.check_before_void(card=card, at=at)
    except CardRefused as refused:
        return Outcome(state=TapState.REFUSED, code=refused.code, contacted=False)
    return _meet(
        phone=phone,
        card=card,
        address=address,
        answer=answer,
        connect=connect,
        budget_s=budget_s,
    )


def _meet(
    *,
    phone: Phone,
    card: bytes,
    address: Address,
    answer: Callable[[_Question], bytes],
    connect: Connect,
    budget_s: float,
) -> Outcome:
    try:
        connection = connect(address, budget_s)
    except OSError:
        return Outcome(state=TapState.UNKNOWN, code="no_reader", contacted=False)
    signed = False
    with connection:
        talk = frames.Conversation(connection=connection, budget_s=budget_s)
        try:
            record = _answered(talk, answer)
            signed = True
            talk.send({"record": record, "certificate": phone.credential(card).certificate})
            return _outcome(talk.receive())
        except CardRefused as refused:
            return Outcome(state=TapState.REFUSED, code=refused.code)
        except frames.FrameBroken as broken:
            return Outcome(state=TapState.UNKNOWN, code=str(broken), signed=signed)


def _answered(talk: frames.Conversation, answer: Callable[[_Question], bytes]) -> bytes:
    question = talk.receive()
    try:
        return answer(question)
    except CardRefused as refused:
        talk.send({"refused": str(refused.code)})
        raise


def _shown(question: _Question) -> tuple[bytes, bytes]:
    return frames.binary(question, "certificate"), frames.binary(question, "challenge")


def _verified(phone: Phone, question: _Question, gesture: Gesture, *, at: int) -> Verification:
    """Return how the customer was verified, after showing them who asks for how much.

    :raises CardRefused: the reader is not genuine, or the customer declined
    """
    certificate, challenge = _shown(question)
    verified = gesture(phone.examine(certificate=certificate, challenge=challenge, at=at))
    if verified is None:
        raise CardRefused(Refusal.CUSTOMER_DECLINED)
    return verified


def _outcome(verdict: Mapping[str, object]) -> Outcome:
    if "approved" in verdict:
        code = frames.text(verdict, "approved")
        return Outcome(state=TapState.APPROVED, code=code, signed=True)
    return Outcome(state=TapState.DECLINED, code=frames.text(verdict, "declined"), signed=True)
