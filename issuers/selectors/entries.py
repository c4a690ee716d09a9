"""Blacklist entries as the risk desk reads them: how far each got, and what is still exposed."""

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
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
    """The commands of the outer entry that say what it is now: listed, or lifted."""
    return OtaCommand.objects.filter(
        Q(entry__lifted_at=None, action__in=[_Action.BLOCK, _Action.WIPE])
        | Q(entry__lifted_at__isnull=False, action=_Action.UNBLOCK),
        entry=OuterRef("pk"),
    )


def _commands(which: Q) -> Coalesce:
    counts = _own().filter(which).order_by().values("entry").annotate(counted=Count("pk"))
    return Coalesce(Subquery(counts.values("counted"), output_field=IntegerField()), 0)


def _version(field: str) -> Subquery:
    numbers = ListedNumber.objects.filter(entry=OuterRef("pk")).order_by().values("entry")
    return Subquery(numbers.annotate(newest=Max(field)).values("newest"))


def _exposure() -> Coalesce:
    told = OtaCommand.objects.filter(
        entry=OuterRef(OuterRef("pk")),
        device=OuterRef("device"),
        action__in=[_Action.BLOCK, _Action.WIPE],
    )
    exposed = Credential.objects.filter(
        Credential.SPENDABLE,
        Exists(told),
        ~Exists(told.filter(state=_State.APPLIED)),
        card=OuterRef("card"),
    )
    sums = exposed.order_by().values("card").annotate(minor=Sum("reserve_minor")).values("minor")
    return Coalesce(
        Case(When(lifted_at=None, then=Subquery(sums, output_field=BigIntegerField()))), 0
    )
