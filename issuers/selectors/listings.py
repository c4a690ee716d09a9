"""The views of a blacklist: what is listed, what has not been heard of yet, what was lifted."""

from typing import cast

from django.db.models import Count, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from issuers.models import BlacklistEntry, Card, Credential, Issuer, OtaCommand
from issuers.selectors.entries import with_reach

_Action = OtaCommand.Action
_State = OtaCommand.State
VIEWS = ("listed", "waiting", "undelivered", "lifted", "all")


def in_view(*, issuer: Issuer, view: str) -> QuerySet[BlacklistEntry]:
    """Return the issuer's entries of one of ``VIEWS``.

    ``waiting``: listed, and a phone has not applied the block; ``undelivered``: given up on one.
    """
    rows = BlacklistEntry.objects.filter(issuer=issuer).select_related(
        "card__programme", "card__account"
    )
    match view:
        case "listed":
            return rows.filter(lifted_at=None)
        case "lifted":
            return rows.filter(lifted_at__isnull=False)
        case "waiting":
            return rows.filter(pk__in=_unheard(issuer).values("entry"))
        case "undelivered":
            given_up = _unheard(issuer).filter(state=_State.UNDELIVERED)
            return rows.filter(pk__in=given_up.values("entry"))
        case _:
            return rows


def counts_of(*, issuer: Issuer) -> dict[str, int]:
    """Return how many entries each of ``VIEWS`` holds, in one query."""
    entries = BlacklistEntry.objects.filter(issuer=OuterRef("pk"))
    unheard = _unheard(OuterRef("pk"))
    counted = Issuer.objects.filter(pk=issuer.pk).values(
        listed=_counted(entries.filter(lifted_at=None), "issuer", "pk"),
        lifted=_counted(entries.filter(lifted_at__isnull=False), "issuer", "pk"),
        waiting=_counted(unheard, "entry__issuer", "entry"),
        undelivered=_counted(unheard.filter(state=_State.UNDELIVERED), "entry__issuer", "entry"),
    )
    counts = cast("dict[str, int]", counted.get())
    return counts | {"all": counts["listed"] + counts["lifted"]}


def _counted[Row: Model](rows: QuerySet[Row], by: str, what: str) -> Coalesce:
    counts = rows.order_by().values(by).annotate(counted=Count(what, distinct=True))
    return Coalesce(Subquery(counts.values("counted"), output_field=IntegerField()), 0)


def open_listing(*, card: Card) -> BlacklistEntry | None:
    """Return the open entry of ``card`` with its reach (:func:`with_reach`), None if not listed."""
    return with_reach(card.blacklist_entries.filter(lifted_at=None, scope="CARD")).first()


def phones_with(*, card: Card) -> int:
    """Return how many phones carry ``card``."""
    return card.credentials.filter(state=Credential.State.ACTIVE).count()


def _unheard(issuer: Issuer | OuterRef) -> QuerySet[OtaCommand]:
    return OtaCommand.objects.filter(
        entry__issuer=issuer,
        entry__lifted_at=None,
        action__in=[_Action.BLOCK, _Action.WIPE],
    ).exclude(state=_State.APPLIED)
