"""The views of a blacklist: what is listed, what has not been heard of yet, what was lifted."""

from django.db.models import Count, Q, QuerySet

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
    """Return how many entries each of ``VIEWS`` holds, in two queries."""
    entries: dict[str, int] = BlacklistEntry.objects.filter(issuer=issuer).aggregate(
        listed=Count("pk", filter=Q(lifted_at=None)),
        lifted=Count("pk", filter=Q(lifted_at__isnull=False)),
    )
    waiting: dict[str, int] = _unheard(issuer).aggregate(
        waiting=Count("entry", distinct=True),
        undelivered=Count("entry", distinct=True, filter=Q(state=_State.UNDELIVERED)),
    )
    return entries | waiting | {"all": entries["listed"] + entries["lifted"]}


def open_listing(*, card: Card) -> BlacklistEntry | None:
    """Return the open entry of ``card`` with its reach (:func:`with_reach`), None if not listed."""
    return with_reach(card.blacklist_entries.filter(lifted_at=None)).first()


def phones_with(*, card: Card) -> int:
    """Return how many phones carry ``card``."""
    return card.credentials.filter(state=Credential.State.ACTIVE).count()


def _unheard(issuer: Issuer) -> QuerySet[OtaCommand]:
    return OtaCommand.objects.filter(
        entry__issuer=issuer,
        entry__lifted_at=None,
        action__in=[_Action.BLOCK, _Action.WIPE],
    ).exclude(state=_State.APPLIED)
