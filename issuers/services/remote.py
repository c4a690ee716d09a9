"""Payments that an issuer's own system decides on: asked, captured or released, and given back.

The statements go in the caller's round trip, under the lock of the payment that the row is about:
whoever moves the row holds that lock, and the payment is APPROVING as long as the row is ASKED.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from config.pipeline import Answer, Statement
from config.states import InvalidTransition
from issuers.models import RemoteAuthorisation
from issuers.rules.authorisation import DeclineReason
from issuers.services.authorise import Asked, approving
from issuers.wire.authorising import Decision

CHANNEL: Final = "paydesk_remote"  # NOTIFY: something is to be sent
_State = RemoteAuthorisation.State


class Word(NamedTuple):
    """What came of a question. Approved without a ``reason``; ``is_told``: by the issuer itself.

    Where it is not, nobody knows what the issuer has done: its part is reversed.
    """

    reason: DeclineReason | None
    is_told: bool


UNKNOWN: Final = Word(DeclineReason.ISSUER_REFUSED, is_told=False)


class Outstanding(NamedTuple):
    """A question as its locked row has it; ``token``: the card's, 16 bytes."""

    state: str
    phone_id: int
    token: bytes

    @property
    def is_open(self) -> bool:
        return self.state == _State.ASKED


def word_of(decision: Decision) -> Word:
    """Return the issuer's decision in the protocol's words; an unknown reason is its own affair."""
    if decision.approved:
        return Word(None, is_told=True)
    known = {reason.value: reason for reason in DeclineReason}
    return Word(known.get(decision.reason, DeclineReason.ISSUER_REFUSED), is_told=True)


def asking(
    *,
    asked: Asked,
    document: str,
    merchant: str,
    amount_minor: int,
    currency: str,
    phone_id: int,
    at: datetime,
    deadline_at: datetime,
) -> list[Statement]:
    """Return the statements that set minor units aside for ``document`` and put the question out.

    ``asked``: locked, and good for the amount by the rules that are kept here; ``merchant``: its
    reference.
    """
    facts = [document, asked.authoriser_id, asked.card_id, phone_id, merchant]
    times = [at, deadline_at, at]
    return [
        Statement(_HOLD, [asked.account_id, document, amount_minor, at]),
        Statement(_SET_ASIDE, [amount_minor, asked.account_id]),
        Statement(_ASK, [*facts, amount_minor, currency, *times]),
        Statement("SELECT pg_notify(%s, '')", [CHANNEL]),
    ]


_HOLD: Final = """
INSERT INTO issuers_hold (account_id, document, amount_minor, state, held_at)
VALUES (%s, %s, %s, 'HELD', %s)
"""
_SET_ASIDE: Final = "UPDATE issuers_account SET held_minor = held_minor + %s WHERE id = %s"
_ASK: Final = """
INSERT INTO issuers_remoteauthorisation
       (document, authoriser_id, card_id, phone_id, merchant, amount_minor, currency,
        asked_at, deadline_at, next_at, state, attempts)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'ASKED', 0)
"""


def locked(*, document: str) -> Statement:
    """Return the statement that locks the question about ``document``: :func:`outstanding`."""
    return Statement(_LOCK, [document])


_LOCK: Final = """
SELECT r.state, r.phone_id, c.token
  FROM issuers_remoteauthorisation r JOIN issuers_card c ON c.id = r.card_id
 WHERE r.document = %s FOR NO KEY UPDATE OF r
"""


def outstanding(answer: Answer) -> Outstanding:
    """Return what :func:`locked` found."""
    assert answer.row is not None, "what was asked keeps its row"
    state, phone_id, token = answer.row
    return Outstanding(state, phone_id, bytes(token))


def capturing(
    *, asked: Asked, document: str, amount_minor: int, currency: str, at: datetime, phone_id: int
) -> list[Statement]:
    """Return the statements that take what was set aside, in minor units, and keep the approval."""
    kept = approving(
        asked=asked,
        document=document,
        amount_minor=amount_minor,
        currency=currency,
        at=at,
        phone_id=phone_id,
    )
    return [
        _ended(document, _State.APPROVED, at),
        Statement(_CAPTURE, [at, document]),
        kept,
    ]


_CAPTURE: Final = """
WITH captured AS (
    UPDATE issuers_hold SET state = 'CAPTURED', ended_at = %s
     WHERE document = %s AND state = 'HELD' RETURNING account_id, amount_minor
)
UPDATE issuers_account a
   SET held_minor = a.held_minor - c.amount_minor, balance_minor = a.balance_minor - c.amount_minor
  FROM captured c WHERE a.id = c.account_id
"""


def releasing(*, document: str, at: datetime, is_told: bool) -> list[Statement]:
    """Return the statements that end a question without money.

    ``is_told``: the issuer said no itself. Otherwise nobody knows what it has done, or will do: its
    part is to be reversed.
    """
    state = _State.DECLINED if is_told else _State.REVERSAL_DUE
    woken = [] if is_told else [Statement("SELECT pg_notify(%s, '')", [CHANNEL])]
    return [_ended(document, state, at), Statement(_RELEASE, [at, document]), *woken]


_RELEASE: Final = """
WITH released AS (
    UPDATE issuers_hold SET state = 'RELEASED', ended_at = %s
     WHERE document = %s AND state = 'HELD' RETURNING account_id, amount_minor
)
UPDATE issuers_account a SET held_minor = a.held_minor - r.amount_minor
  FROM released r WHERE a.id = r.account_id
"""


def reversing(*, document: str, at: datetime) -> Statement:
    """Return the statement that has an approval of the issuer's own system reversed there.

    It does nothing where ``document`` was decided on here.
    """
    return Statement(_REVERSE, [at, at, document, CHANNEL])


_REVERSE: Final = """
WITH due AS (
    UPDATE issuers_remoteauthorisation
       SET state = 'REVERSAL_DUE', attempts = 0, ended_at = %s, next_at = %s
     WHERE document = %s AND state = 'APPROVED' RETURNING 1
)
SELECT pg_notify(%s, '') FROM due
"""


def refunding(*, document: str, refund: str, amount_minor: int, at: datetime) -> Statement:
    """Return the statement that has the issuer's own system told what goes back to the card.

    ``document``: the payment's reference, ``refund``: the refund's; ``amount_minor``: above 0, in
    minor units. It does nothing where the payment was decided on here. The database refuses more
    than was approved.
    """
    return Statement(_REFUND, [amount_minor, document, refund, amount_minor, at, at, CHANNEL])


_REFUND: Final = """
WITH approved AS (
    UPDATE issuers_remoteauthorisation SET refunded_minor = refunded_minor + %s
     WHERE document = %s AND state = 'APPROVED' RETURNING document, authoriser_id, currency
), due AS (
    INSERT INTO issuers_refundadvice (reference, document, authoriser_id, amount_minor, currency,
                                      due_at, next_at, state, attempts)
    SELECT %s, document, authoriser_id, %s, currency, %s, %s, 'DUE', 0 FROM approved RETURNING 1
)
SELECT pg_notify(%s, '') FROM due
"""


def check_ended(answers: Sequence[Answer]) -> None:
    """Refuse to end a question that was not open, or for which nothing was set aside.

    ``answers``: to :func:`capturing` or :func:`releasing`.

    :raises InvalidTransition: it was ended meanwhile, which the payment's lock excludes
    """
    if any(answer.touched != 1 for answer in answers[:2]):
        raise InvalidTransition("The question was ended meanwhile.")


def _ended(document: str, state: str, at: datetime) -> Statement:
    return Statement(_END, [state, at, at, document])


_END: Final = """
UPDATE issuers_remoteauthorisation SET state = %s, ended_at = %s, next_at = %s, attempts = 0
 WHERE document = %s AND state = 'ASKED'
"""
