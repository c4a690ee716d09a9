"""Blacklist entries as the risk desk reads them: how far each got, and what is still exposed."""

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from issuers.models import BlacklistEntry, Credential, ListedNumber, OtaCommand

_State = OtaCommand.State
_Action = OtaCommand.Action
# The command furthest from done decides what is shown of an entry.
_FURTHEST_BEHIND = Case(
    When(state=_State.UNDELIVERED, then=0),
    When(state=_State.PENDING, then=1),
    When(state=_State.SENT, then=2),
    default=3,
)


def with_reach(rows: QuerySet[BlacklistEntry]) -> QuerySet[BlacklistEntry]:
    """Return ``rows`` with what the blacklist page shows of each entry, in one query.

    ``phones`` and ``reached``: commands of the listing (of its end, once lifted) and how many of
    them are APPLIED; ``delivery``: the state of the one furthest behind, "" without a phone;
    ``listed_in`` and ``lifted_in``: list versions, None while they wait; ``exposure_minor``: what
    phones that have not applied the block could still spend offline, in minor units.
    """
    return rows.annotate(
        phones=_commands(Q()),
        reached=_commands(Q(state=_State.APPLIED)),
        delivery=Coalesce(
            Subquery(_own().order_by(_FURTHEST_BEHIND).values("state")[:1]), Value("")
        ),
        listed_in=_version("added_in"),
        lifted_in=_version("removed_in"),
        exposure_minor=_exposure(),
    )


def _own() -> QuerySet[OtaCommand]:
    lifted = OuterRef("lifted_at")
    return OtaCommand.objects.filter(entry=OuterRef("pk")).filter(
        Q(action=_Action.UNBLOCK) & ~Q(lifted_since(lifted)) | Q(action=_Action.BLOCK)
    )
