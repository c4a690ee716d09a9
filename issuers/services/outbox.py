"""Questions and reversals taken on to be sent: leases, so that no lock is held while one waits.

An issuer has so many places for questions and a few for reversals: one whose system hangs takes
nobody else's. Who asks shows that it lives by renewing its leases; without a sign another process
asks the same question again, which an issuer answers as before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection

from config.models import Alert
from config.wire import b64
from issuers.models import RemoteAuthorisation
from issuers.services import authorisers
from issuers.wire.authorising import Question

PLACES: Final = 48  # questions of one issuer at a time
PLACES_REVERSING: Final = 8
ASK_AGAIN: Final = timedelta(seconds=0.5)
_REVERSE_AGAIN_MAX_S: Final = 60.0
TRIES_ALERTED: Final = 8  # of a reversal: after about two minutes
_UNACKNOWLEDGED: Final = "reversals_unacknowledged"
REVERSAL_LEASE: Final = timedelta(seconds=15)
_State = RemoteAuthorisation.State


@dataclass(frozen=True, slots=True)
class Parcel:
    """A question or a reversal taken on, with all that sending it takes; ``number``: of the try."""

    row: int
    state: str  # ASKED or REVERSAL_DUE
    number: int
    issuer: int
    tenant: str  # the issuer's reference
    url: str
    token: str
    deadline_at: datetime
    question: Question

    @property
    def is_question(self) -> bool:
        return self.state == _State.ASKED


def has_any() -> bool:
    """Say whether anything is being asked or is still to be reversed, due or not: one light look
    that spares a process with nothing to send all the others."""
    with connection.cursor() as cursor:
        cursor.execute(_ANY)
        found = cursor.fetchone()
    return found is not None


def claim_questions(*, busy: Mapping[int, int], limit: int, at: datetime) -> list[Parcel]:
    """Take on up to ``limit`` questions that are due; ``busy``: how many are in hand by issuer."""
    until = at + timedelta(seconds=settings.AUTHORISER_LEASE_S)
    told = {"state": _State.ASKED, "places": PLACES, "limit": limit, "at": at, "until": until}
    return _claim(told, busy)


def claim_reversals(*, busy: Mapping[int, int], limit: int, at: datetime) -> list[Parcel]:
    """Take on up to ``limit`` reversals that are due, as :func:`claim_questions`."""
    until = at + REVERSAL_LEASE
    told = {"state": _State.REVERSAL_DUE, "places": PLACES_REVERSING, "limit": limit}
    return _claim(told | {"at": at, "until": until}, busy)


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
        wait = timedelta(seconds=min(_REVERSE_AGAIN_MAX_S, 2.0 ** min(parcel.number, 10) / 2))
    mine = RemoteAuthorisation.objects.filter(
        pk=parcel.row, state=parcel.state, attempts=parcel.number
    )
    mine.update(next_at=at + wait)
    if not parcel.is_question and parcel.number == TRIES_ALERTED:
        _alert(parcel, at)


def _alert(parcel: Parcel, at: datetime) -> None:
    Alert.objects.get_or_create(
        kind=_UNACKNOWLEDGED,
        subject=parcel.tenant,
        cleared_at=None,
        defaults={
            "tenant": parcel.tenant,
            "detail": f"{parcel.url} has not acknowledged reversals for minutes.",
            "raised_at": at,
        },
    )


def acknowledge(*, parcel: Parcel, at: datetime) -> None:
    """Note that the issuer has reversed it, whoever had it in hand by now; it hears us again."""
    due = RemoteAuthorisation.objects.filter(pk=parcel.row, state=_State.REVERSAL_DUE)
    due.update(state=_State.REVERSED, reversed_at=at)
    told = Alert.objects.filter(kind=_UNACKNOWLEDGED, subject=parcel.tenant, cleared_at=None)
    told.update(cleared_at=at)


def _claim(told: Mapping[str, Any], busy: Mapping[int, int]) -> list[Parcel]:
    parameters = {**told, "busy": list(busy), "taken": list(busy.values())}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        found = cursor.fetchall()
    tokens = {row[2]: bytes(row[5]) for row in found}
    opened = {row[2]: authorisers.opened(token=tokens[row[2]], issuer=row[3]) for row in found}
    return [_parcel(told["state"], row, opened[row[2]]) for row in found]


def _parcel(state: str, row: tuple[Any, ...], token: str) -> Parcel:
    key, number, issuer, tenant, url, _sealed, deadline_at, *asked = row
    document, card, merchant, amount_minor, currency = asked
    question = Question(document, b64.encode(bytes(card)), merchant, amount_minor, currency)
    return Parcel(key, state, number, issuer, tenant, url, token, deadline_at, question)


_ANY: Final = """
SELECT 1 FROM issuers_remoteauthorisation WHERE state IN ('ASKED', 'REVERSAL_DUE') LIMIT 1
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
_RENEW: Final = """
UPDATE issuers_remoteauthorisation r SET next_at = %s
  FROM unnest(%s::bigint[], %s::int[]) AS mine (id, number)
 WHERE r.id = mine.id AND r.attempts = mine.number AND r.state = 'ASKED'
"""
