"""The phones and readers of an issuer, one list: what each holds and how far it is behind."""

from datetime import datetime

from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
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
from issuers.selectors.coverage import READS

COMMANDS_SHOWN = 50
VERSIONS_SHOWN = 20
_State = OtaCommand.State
VIEWS = ("behind", "readers", "phones", "unseen")


def fleet_of(*, issuer: Issuer) -> QuerySet[Device]:
    """Return the active phones that can spend from a card of ``issuer``, and the active readers.

    A terminal counts from its first fetch on: most have no reader of their own.
    """
    carries = Credential.objects.filter(Credential.SPENDABLE, issuer=issuer, device=OuterRef("pk"))
    rows = Device.objects.annotate(held=Subquery(_newest(issuer).values("version")[:1]))
    # The kind stands first in each pair: PostgreSQL asks in this order, and the rest costs more.
    return rows.filter(
        Q(kind=DeviceKind.READER)
        | Q(kind=DeviceKind.TERMINAL) & Q(held__isnull=False)
        | Q(kind=DeviceKind.PHONE) & Q(Exists(carries)),
        state=Device.State.ACTIVE,
    )


def in_view(*, issuer: Issuer, rows: QuerySet[Device], view: str) -> QuerySet[Device]:
    """Return the part of a fleet that ``view`` names, all of it for a name not in ``VIEWS``."""
    return rows.filter(_views(issuer).get(view, Q()))


def counts_of(*, issuer: Issuer, rows: QuerySet[Device]) -> dict[str, int]:
    """Return how many of a fleet each of ``VIEWS`` holds, in one query."""
    counted: dict[str, int] = rows.aggregate(
        **{name: Count("pk", filter=which) for name, which in _views(issuer).items()}
    )
    return counted


def _views(issuer: Issuer) -> dict[str, Q]:
    """``behind`` misses a version or a command; ``unseen`` never asked for anything."""
    versions = BlacklistVersion.objects.filter(issuer=issuer).order_by("-version")
    newest = Coalesce(Subquery(versions.values("version")[:1]), 0)
    unheard = OtaCommand.objects.filter(card__issuer=issuer).exclude(state=_State.APPLIED)
    late = Q(kind__in=READS) & (Q(held__lt=newest) | Q(held=None) & Q(Exists(versions)))
    return {
        "behind": late | Q(kind=DeviceKind.PHONE, pk__in=unheard.values("device")),
        "readers": Q(kind__in=READS),
        "phones": Q(kind=DeviceKind.PHONE),
        "unseen": Q(seen_at=None) | Q(kind=DeviceKind.READER, held=None),
    }


def with_standing(*, issuer: Issuer, rows: QuerySet[Device]) -> QuerySet[Device]:
    """Return rows of a fleet with what a page shows of each: for the few rows of one page.

    ``held`` and ``held_at``: newest list version a reader was given, and when; ``steps_behind``:
    versions published since. ``unheard``: commands a phone has not acknowledged, ``given_up``
    those of them UNDELIVERED, ``unheard_since`` the oldest; ``last_action`` and ``last_state``:
    its newest command.
    """
    mine = OtaCommand.objects.filter(card__issuer=issuer, device=OuterRef("pk"))
    unheard = mine.exclude(state=_State.APPLIED)
    newest = mine.order_by("-id")
    since = BlacklistVersion.objects.filter(
        issuer=issuer, version__gt=Coalesce(OuterRef("held"), 0)
    )
    return rows.annotate(
        held_at=Subquery(_newest(issuer).values("at")[:1]),
        steps_behind=Case(
            When(kind__in=READS, then=_counted(since, by="issuer")), default=Value(0)
        ),
        unheard=_counted(unheard, by="device"),
        given_up=_counted(mine.filter(state=_State.UNDELIVERED), by="device"),
        unheard_since=Subquery(unheard.order_by("id").values("created_at")[:1]),
        last_action=Subquery(newest.values("action")[:1]),
        last_state=Subquery(newest.values("state")[:1]),
    )


def _newest(issuer: Issuer) -> QuerySet[BlacklistDownload]:
    log = BlacklistDownload.objects.filter(device=OuterRef("pk"), issuer=issuer)
    return log.order_by("-at", "-id")


def _counted(rows: QuerySet[OtaCommand] | QuerySet[BlacklistVersion], *, by: str) -> Coalesce:
    counts = rows.order_by().values(by).annotate(counted=Count("pk")).values("counted")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


def silent_readers(*, issuer: Issuer, since: datetime) -> int:
    """Return how many readers lack the newest version and were last given one before ``since``."""
    readers = fleet_of(issuer=issuer).filter(kind__in=READS)
    late = in_view(issuer=issuer, rows=readers, view="behind")
    late = late.annotate(held_at=Subquery(_newest(issuer).values("at")[:1]))
    return late.filter(Q(held_at=None) | Q(held_at__lt=since)).count()


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
    """Return which of the newest 20 versions ``device`` was given, and when first, newest first.

    One it skipped is not among them: it was given a newer one.
    """
    log = BlacklistDownload.objects.filter(
        device=device,
        issuer=issuer,
        version__gte=OuterRef("version"),
        at__gte=OuterRef("published_at"),
    ).order_by("at")
    newest = BlacklistVersion.objects.filter(issuer=issuer).order_by("-version")
    given = newest.values_list(Subquery(log.values("version")[:1]), Subquery(log.values("at")[:1]))
    return sorted({(version, at) for version, at in given[:VERSIONS_SHOWN] if at}, reverse=True)
