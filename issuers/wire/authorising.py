"""What an issuer's own system is asked, and what it answers: JSON over HTTP, with a bearer token.

``POST <url>/authorizations`` takes a question and answers ``{document, decision}``, with a
``reason`` where the decision is no; the same document again hears the same word. ``POST
<url>/reversals`` ``{document}`` answers ``{document, state: REVERSED}``: what was approved under it
is undone, and what comes under it later is refused, for a reversal may overtake its question.
"""

import json
from typing import Any, Final, NamedTuple

from config.wire.errors import Malformed

AUTHORIZATIONS: Final = "/authorizations"
REVERSALS: Final = "/reversals"
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


def body_of(question: Question) -> bytes:
    """Return the question as it is sent."""
    return json.dumps(question._asdict()).encode()


def reversal_of(document: str) -> bytes:
    """Return the order to reverse what was decided on ``document``, as it is sent."""
    return json.dumps({"document": document}).encode()


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
    told = _object(body)
    kinds = {"document": str, "card": str, "merchant": str, "amount": int, "currency": str}
    if set(told) != set(kinds) or any(type(told[name]) is not kinds[name] for name in kinds):
        raise Malformed("no question")
    if told["amount"] < 1:
        raise Malformed("an amount below 1")
    return Question(**told)


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


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise Malformed("no JSON") from wrong
    if not isinstance(told, dict):
        raise Malformed("no object")
    return told
