"""Where an issuer's payments are decided on, and how it goes there."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.db.models import Count, Min, Q

from issuers.models import Authoriser, Issuer, RefundAdvice, RemoteAuthorisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """An issuer's own system: what it is asked now, and what it has not acknowledged since when."""

    host: str
    is_asked: bool
    asked: int
    reversals: int
    reversal_since: datetime | None
    refunds: int
    refund_since: datetime | None


def health_of(*, issuer: Issuer) -> Health | None:
    """Return it; None where all is decided here, and always was."""
    row = Authoriser.objects.filter(issuer=issuer).first()
    if row is None:
        return None
    state = RemoteAuthorisation.State
    waiting = row.asked.filter(state__in=[state.ASKED, state.REVERSAL_DUE])
    due = Q(state=state.REVERSAL_DUE)
    told = waiting.aggregate(
        asked=Count("pk", filter=Q(state=state.ASKED)),
        reversals=Count("pk", filter=due),
        reversal_since=Min("ended_at", filter=due),
    )
    told |= row.refunds.filter(state=RefundAdvice.State.DUE).aggregate(
        refunds=Count("pk"), refund_since=Min("due_at")
    )
    return Health(host=urlsplit(row.url).netloc, is_asked=row.is_asked, **told)
