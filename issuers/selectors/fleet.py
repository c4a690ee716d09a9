"""The phones and readers of an issuer, one list: what each holds and how far it is behind."""

from datetime import datetime

from django.db.models import (
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from config.models import Device
from config.models.devices import DeviceKind
from issuers.models import (
    BlacklistDownload,
    BlacklistVersion,
    Card,
    Credential,
    Issuer,
    OtaCommand,
)

COMMANDS_SHOWN = 50
_State = OtaCommand.State
READS = (DeviceKind.READER, DeviceKind.TERMINAL)
# Parts of a fleet: what misses a version or a command, either kind, what never asked for a thing.
VIEWS = {
    "behind": Q(kind__in=READS, steps_behind__gt=0) | Q(unheard__gt=0),
    "readers": Q(kind__in=READS),
    "phones": Q(kind=DeviceKind.PHONE),
    "unseen": Q(seen_at=None) | Q(kind=DeviceKind.READER, held=None),
}


def fleet_of(*, issuer: Issuer) -> QuerySet[Device]:
    """Return the active phones with a card of ``issuer`` and the readers, each with its standing.

    ``held`` and ``held_at``: newest list version a reader was given, and when; ``steps_behind``:
    versions published since. ``unheard``: commands a phone has not acknowledged, ``given_up``
    those of them UNDELIVERED, ``unheard_since`` the oldest; ``last_action`` and ``last_state``:
    its newest command.
    """
    log = BlacklistDownload.objects.filter(device=OuterRef("pk"), issuer=issuer)
    carries = Credential.objects.filter(
        issuer=issuer, device=OuterRef("pk"), state=Credential.State.ACTIVE
    )
    newest = log.order_by("-at", "-id")
    rows = Device.objects.filter(
        Q(kind=DeviceKind.READER)
        | Q(Exists(log), kind=DeviceKind.TERMINAL)
        | Q(Exists(carries), kind=DeviceKind.PHONE),
        state=Device.State.ACTIVE,
    )
    rows = rows.annotate(
        held=Subquery(newest.values("version")[:1]), held_at=Subquery(newest.values("at")[:1])
    )
    return _with_commands(_with_steps(rows, issuer), issuer)


def _with_steps(rows: QuerySet[Device], issuer: Issuer) -> QuerySet[Device]:
    since = BlacklistVersion.objects.filter(
        issuer=issuer, version__gt=Coalesce(OuterRef("held"), 0)
    )
    return rows.annotate(steps_behind=_counted(since, by="issuer"))


def _with_commands(rows: QuerySet[Device], issuer: Issuer) -> QuerySet[Device]:
    mine = OtaCommand.objects.filter(card__issuer=issuer, device=OuterRef("pk"))
    unheard = mine.exclude(state=_State.APPLIED)
    newest = mine.order_by("-id")
    return rows.annotate(
        unheard=_counted(unheard, by="device"),
        given_up=_counted(mine.filter(state=_State.UNDELIVERED), by="device"),
        unheard_since=Subquery(unheard.order_by("id").values("created_at")[:1]),
        last_action=Subquery(newest.values("action")[:1]),
        last_state=Subquery(newest.values("state")[:1]),
    )


def _counted(rows: QuerySet[OtaCommand] | QuerySet[BlacklistVersion], *, by: str) -> Coalesce:
    counts = rows.order_by().values(by).annotate(counted=Count("pk")).values("counted")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


def counts_of(rows: QuerySet[Device]) -> dict[str, int]:
    """Return by the names of ``VIEWS`` how many of a fleet each holds, in one query."""
    counted: dict[str, int] = rows.aggregate(
        **{name: Count("pk", filter=which) for name, which in VIEWS.items()}
    )
    return counted


def silent_readers(*, issuer: Issuer, since: datetime) -> int:
    """Return how many readers lack the newest version and were last given one before ``since``."""
    late = Q(kind__in=READS, steps_behind__gt=0) & (Q(held_at=None) | Q(held_at__lt=since))
    return fleet_of(issuer=issuer).filter(late).count()


def commands_to(*, device: Device, issuer: Issuer) -> list[OtaCommand]:
    """Return the newest 50 commands of the issuer's cards to ``device``, newest first."""
    rows = OtaCommand.objects.filter(device=device, card__issuer=issuer).defer("body", "signed")
    return list(rows.select_related("card").order_by("-id")[:COMMANDS_SHOWN])


def cards_on(*, device: Device, issuer: Issuer) -> list[Card]:
    """Return the issuer's cards that ``device`` carries."""
    carried = Credential.objects.filter(
        card=OuterRef("pk"), device=device, state=Credential.State.ACTIVE
    )
    rows = Card.objects.filter(Exists(carried), issuer=issuer).select_related("programme")
    return list(rows.order_by("id"))


def versions_given(*, device: Device, issuer: Issuer) -> list[tuple[int, datetime]]:
    """Return the newest 20 list versions ``device`` was given and the first time of each."""
    rows = BlacklistDownload.objects.filter(device=device, issuer=issuer)
    firsts = rows.order_by("version", "at").distinct("version").values_list("version", "at")
    return sorted(firsts, reverse=True)[:20]
