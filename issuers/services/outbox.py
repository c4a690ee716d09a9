"""What issuers are sent, taken on: leases, so that no lock is held while one waits.

An issuer has so many places for questions and a few each for reversals and refunds: one whose
system hangs takes nobody else's. Who asks shows that it lives by renewing its leases; without a
sign another process asks the same question again, which an issuer answers as before.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from config.models import Alert
from config.wire import b64
from issuers.models import RefundAdvice, RemoteAuthorisation
from issuers.services import authorisers
from issuers.wire.authorising import Question, Refund

PLACES: Final = 48  # questions of one issuer at a time
PLACES_REVERSING: Final = 8
PLACES_REFUNDING: Final = 8
ASK_AGAIN: Final = timedelta(seconds=0.5)
_ADVISE_AGAIN_MAX_S: Final = 60.0
TRIES_ALERTED: Final = 8  # of a reversal or a refund: after about two minutes
ADVICE_LEASE: Final = timedelta(seconds=15)
_State = RemoteAuthorisation.State

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """What an issuer is sent. All but a question is advice: repeated until acknowledged."""

    QUESTION = "QUESTION"
    REVERSAL = "REVERSAL"
    REFUND = "REFUND"


_STATES: Final = {
    Kind.QUESTION: _State.ASKED.value,
    Kind.REVERSAL: _State.REVERSAL_DUE.value,
    Kind.REFUND: RefundAdvice.State.DUE.value,
}
# By the kind of advice: the alert where an issuer stays silent, and its words for what.
_ALERTS: Final = {
    Kind.REVERSAL: ("reversals_unacknowledged", "reversals"),
    Kind.REFUND: ("refunds_unacknowledged", "refunds"),
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message taken on, with all that sending it takes; ``number``: of the try.

    ``message``: of a reversal the question that is taken back.
    """

    row: int
    kind: Kind
    number: int
    issuer: int
    tenant: str  # the issuer's reference
    url: str
    token: str
    deadline_at: datetime | None  # of a question: its end
    message: Question | Refund

    @property
    def is_question(self) -> bool:
        return self.kind is Kind.QUESTION

    @property
    def document(self) -> str:
        return self.message.document


def waiting() -> frozenset[Kind]:
    """Return of which kinds anything is still to be sent, due or not: one light look that spares
    a process with nothing to send all the others."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return frozenset(Kind(kind) for (kind,) in cursor.fetchall())


def claim_questions(*, busy: Mapping[int, int], limit: int, at: datetime) -> list[Parcel]:
    """Take on up to ``limit`` questions that are due; ``busy``: how many are in hand by issuer."""
    until = at + timedelta(seconds=settings.AUTHORISER_LEASE_S)
    told = {"places": PLACES, "limit": limit, "at": at, "until": until}
    return _claim(Kind.QUESTION, told, busy)


def claim_reversals(*, busy: Mapping[int, int], limit: int, at: datetime) -> list[Parcel]:
    """Take on up to ``limit`` reversals that are due, as :func:`claim_questions`."""
    told = {"places": PLACES_REVERSING, "limit": limit, "at": at, "until": at + ADVICE_LEASE}
    return _claim(Kind.REVERSAL, told, busy)


def claim_refunds(*, busy: Mapping[int, int], limit: int, at: datetime) -> list[Parcel]:
    """Take on up to ``limit`` refunds that are due, as :func:`claim_questions`.

    Each follows its approval, for none is written before: in what order they go does not matter.
    """
    told = {"places": PLACES_REFUNDING, "limit": limit, "at": at, "until": at + ADVICE_LEASE}
    return _claim(Kind.REFUND, told, busy)


def renew(*, parcels: Sequence[Parcel], at: datetime) -> None:
    """Show that these questions are still being asked."""
    if not parcels:
        return
    until = at + timedelta(seconds=settings.AUTHORISER_LEASE_S)
    columns = [[parcel.row for parcel in parcels], [parcel.number for parcel in parcels]]
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [until, *columns])


def postpone(*, parcel: Parcel, at: datetime) -> None:
    """Send it again later: nobody answered. Who took the row on since decides itself."""
    wait = ASK_AGAIN
    if not parcel.is_question:
        wait = timedelta(seconds=min(_ADVISE_AGAIN_MAX_S, 2.0 ** min(parcel.number, 10) / 2))
    mine = _due(parcel.kind).filter(pk=parcel.row, attempts=parcel.number)
    is_mine = mine.update(next_at=at + wait) == 1
    if is_mine and not parcel.is_question and parcel.number >= TRIES_ALERTED:
        _alert(parcel, at)


def _alert(parcel: Parcel, at: datetime) -> None:
    kind, what = _ALERTS[parcel.kind]
    Alert.objects.get_or_create(
        kind=kind,
        subject=parcel.tenant,
        cleared_at=None,
        defaults={
            "tenant": parcel.tenant,
            "detail": f"{parcel.url} has not acknowledged {what} for minutes.",
            "raised_at": at,
        },
    )


def acknowledge(*, parcel: Parcel, at: datetime) -> None:
    """Note that the issuer took a reversal or a refund, whoever had it in hand by now.

    The alert ends with the last that was tried as often: one that is refused for ever keeps it,
    whatever else the issuer takes.
    """
    if parcel.kind is Kind.REFUND:
        done = {"state": RefundAdvice.State.TOLD, "told_at": at}
    else:
        done = {"state": _State.REVERSED, "reversed_at": at}
    due = _due(parcel.kind)
    due.filter(pk=parcel.row).update(**done)
    kind, _what = _ALERTS[parcel.kind]
    told = Alert.objects.filter(kind=kind, subject=parcel.tenant, cleared_at=None)
    alerting = due.filter(authoriser__issuer=parcel.issuer, attempts__gte=TRIES_ALERTED)
    if told.exists() and not alerting.exists():  # most have none: what is due is not looked through
        told.update(cleared_at=at)


def _due(kind: Kind) -> QuerySet[Any]:
    rows = RefundAdvice.objects if kind is Kind.REFUND else RemoteAuthorisation.objects
    return rows.filter(state=_STATES[kind])


def _claim(kind: Kind, told: Mapping[str, Any], busy: Mapping[int, int]) -> list[Parcel]:
    parameters = {**told, "busy": list(busy), "taken": list(busy.values())}
    sql = _CLAIM_REFUNDS if kind is Kind.REFUND else _CLAIM
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters | {"state": _STATES[kind]})
        found = cursor.fetchall()
    sealed = {row[3]: bytes(row[5]) for row in found}
    opened = {issuer: _opened(token, issuer) for issuer, token in sealed.items()}
    parcels = [_parcel(kind, row, opened[row[3]]) for row in found]
    for lost in parcels:
        if not (lost.token or lost.is_question):
            postpone(parcel=lost, at=told["at"])
    return [parcel for parcel in parcels if parcel.token]


def _opened(token: bytes, issuer: str) -> str:
    """Return the token in clear; empty where it was sealed with a key that is gone.

    What is due to that issuer holds up no other's: advice is postponed as if nobody had answered,
    a question comes again when its lease is over.
    """
    try:
        return authorisers.opened(token=token, issuer=issuer)
    except (InvalidTag, KeyError):
        logger.exception("the token for %s cannot be opened", issuer)
        return ""


def _parcel(kind: Kind, row: tuple[Any, ...], token: str) -> Parcel:
    key, number, issuer, tenant, url, _sealed, *said = row
    if kind is Kind.REFUND:
        refund = Refund(*said)
        return Parcel(key, kind, number, issuer, tenant, url, token, None, refund)
    deadline_at, document, card, merchant, amount_minor, currency = said
    question = Question(document, b64.encode(bytes(card)), merchant, amount_minor, currency)
    ends_at = deadline_at if kind is Kind.QUESTION else None
    return Parcel(key, kind, number, issuer, tenant, url, token, ends_at, question)


_WAITING: Final = """
SELECT 'QUESTION' WHERE EXISTS (SELECT FROM issuers_remoteauthorisation WHERE state = 'ASKED')
 UNION ALL
SELECT 'REVERSAL'
 WHERE EXISTS (SELECT FROM issuers_remoteauthorisation WHERE state = 'REVERSAL_DUE')
 UNION ALL
SELECT 'REFUND' WHERE EXISTS (SELECT FROM issuers_refundadvice WHERE state = 'DUE')
"""
_CLAIM: Final = """
WITH due AS (
    SELECT d.id FROM issuers_authoriser a
      LEFT JOIN unnest(%(busy)s::bigint[], %(taken)s::int[]) AS b (id, taken) ON b.id = a.issuer_id
     CROSS JOIN LATERAL (
        SELECT id, next_at FROM issuers_remoteauthorisation
         WHERE authoriser_id = a.id AND state = %(state)s AND next_at <= %(at)s
           AND (state <> 'ASKED' OR deadline_at > %(at)s)
         ORDER BY next_at LIMIT greatest(%(places)s - COALESCE(b.taken, 0), 0)
           FOR NO KEY UPDATE SKIP LOCKED
    ) d ORDER BY d.next_at LIMIT %(limit)s
)
UPDATE issuers_remoteauthorisation r SET attempts = r.attempts + 1, next_at = %(until)s
  FROM due, issuers_authoriser a, issuers_issuer i, issuers_card c
 WHERE r.id = due.id AND a.id = r.authoriser_id AND i.id = a.issuer_id AND c.id = r.card_id
RETURNING r.id, r.attempts, a.issuer_id, i.reference, a.url, a.token, r.deadline_at,
          r.document, c.token, r.merchant, r.amount_minor, r.currency
"""
_CLAIM_REFUNDS: Final = """
WITH due AS (
    SELECT d.id FROM issuers_authoriser a
      LEFT JOIN unnest(%(busy)s::bigint[], %(taken)s::int[]) AS b (id, taken) ON b.id = a.issuer_id
     CROSS JOIN LATERAL (
        SELECT id, next_at FROM issuers_refundadvice
         WHERE authoriser_id = a.id AND state = 'DUE' AND next_at <= %(at)s
         ORDER BY next_at LIMIT greatest(%(places)s - COALESCE(b.taken, 0), 0)
           FOR NO KEY UPDATE SKIP LOCKED
    ) d ORDER BY d.next_at LIMIT %(limit)s
)
UPDATE issuers_refundadvice r SET attempts = r.attempts + 1, next_at = %(until)s
  FROM due, issuers_authoriser a, issuers_issuer i
 WHERE r.id = due.id AND a.id = r.authoriser_id AND i.id = a.issuer_id
RETURNING r.id, r.attempts, a.issuer_id, i.reference, a.url, a.token,
          r.reference, r.document, r.amount_minor, r.currency
"""
_RENEW: Final = """
UPDATE issuers_remoteauthorisation r SET next_at = %s
  FROM unnest(%s::bigint[], %s::int[]) AS mine (id, number)
 WHERE r.id = mine.id AND r.attempts = mine.number AND r.state = 'ASKED'
"""
