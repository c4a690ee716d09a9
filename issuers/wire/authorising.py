"""What an issuer's own system is asked, and what it answers: JSON over HTTP, with a bearer token.

``POST <url>/authorizations`` takes a question and answers ``{document, decision}``, with a
``reason`` where the decision is no; the same document again hears the same word. ``POST
<url>/reversals`` ``{document}`` answers ``{document, state: REVERSED}``: what was approved under it
is undone, and what comes under it later is refused, for a reversal may overtake its question.
``POST <url>/refunds`` ``{refund, document, amount, currency}`` answers ``{refund, state:
REFUNDED}``: so much of what was approved under the document went back to the card. The same refund
again is the same money, and hears the same. It never comes before its document was approved, nor
after a reversal.
"""

import json
from typing import Any, Final, NamedTuple

from config.wire.errors import Malformed

AUTHORIZATIONS: Final = "/authorizations"
REVERSALS: Final = "/reversals"
REFUNDS: Final = "/refunds"
ANSWER_MAX: Final = 4096  # bytes
_REASON_MAX: Final = 40


class Question(NamedTuple):
    """One authorisation asked for; ``card``: base64url of its token, amount in minor units."""

    document: str
    card: str
    merchant: str
    amount: int  # DE 4
    currency: str  # DE 49


class Decision(NamedTuple):
    """The issuer's word; ``reason``: its own, where it is no."""

    approved: bool
    reason: str = ""


class Refund(NamedTuple):
    """Money that went back to the card, in minor units; ``refund``: its reference."""

    refund: str
    document: str
    amount: int  # DE 4
    currency: str  # DE 49


def body_of(question: Question) -> bytes:
    """Return the question as it is sent."""
    return json.dumps(question._asdict()).encode()


def reversal_of(document: str) -> bytes:
    """Return the order to reverse what was decided on ``document``, as it is sent."""
    return json.dumps({"document": document}).encode()


def refund_of(refund: Refund) -> bytes:
    """Return the word of a refund as it is sent."""
    return json.dumps(refund._asdict()).encode()


def document_of(body: bytes) -> str:
    """
    Return the document that is to be reversed.

    :raises Malformed: no such order
    """
    told = _object(body)
    if set(told) != {"document"} or not isinstance(told["document"], str):
        raise Malformed("no reversal")
    return told["document"]


def question_of(body: bytes) -> Question:
    """
    Return the question that came.

    :raises Malformed: it is none
    """
    return Question(**_fields(body, Question, "no question"))


def refund_in(body: bytes) -> Refund:
    """
    Return the refund that was told.

    :raises Malformed: it is none
    """
    return Refund(**_fields(body, Refund, "no refund"))


def decision_of(body: bytes, *, document: str) -> Decision:
    """
    Return what the issuer decided on ``document``.

    :raises Malformed: the answer is none, or to another question
    """
    told = _object(body)
    decision, reason = told.get("decision"), told.get("reason", "")
    if told.get("document") != document or decision not in ("APPROVED", "DECLINED"):
        raise Malformed("no decision on this document")
    if not isinstance(reason, str) or len(reason) > _REASON_MAX:
        raise Malformed("no reason")
    return Decision(decision == "APPROVED", reason)


def reversed_in(body: bytes) -> str:
    """
    Return the document that the issuer says is reversed.

    :raises Malformed: the answer says nothing of the kind
    """
    told = _object(body)
    document = told.get("document")
    if told.get("state") != "REVERSED" or not isinstance(document, str):
        raise Malformed("no reversal")
    return document


def refunded_in(body: bytes) -> str:
    """
    Return the refund that the issuer says it has taken note of.

    :raises Malformed: the answer says nothing of the kind
    """
    told = _object(body)
    refund = told.get("refund")
    if told.get("state") != "REFUNDED" or not isinstance(refund, str):
        raise Malformed("no refund")
    return refund


def _fields(body: bytes, of: type[Question | Refund], wrong: str) -> dict[str, Any]:
    told = _object(body)
    kinds = of.__annotations__
    if set(told) != set(kinds) or any(type(told[name]) is not kinds[name] for name in kinds):
        raise Malformed(wrong)
    if told["amount"] < 1:
        raise Malformed("an amount below 1")
    return told


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise Malformed("no JSON") from wrong
    if not isinstance(told, dict):
        raise Malformed("no object")
    return told
