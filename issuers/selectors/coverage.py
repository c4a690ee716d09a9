"""Where an issuer's list and commands are at this moment, as sums: who holds it, what still waits.

A reader is asked for by its own newest answer in the log, so the cost follows the readers, not the
polls they made.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from config.models import Device
from config.models.devices import DeviceKind
from issuers.models import BlacklistDownload, BlacklistVersion, Credential, Issuer, OtaCommand

_Action = OtaCommand.Action
_State = OtaCommand.State
# Unheard, these leave the phone able to spend what the card must not.
FREEZING = Q(
    action__in=(_Action.BLOCK, _Action.WIPE),
    entry__lifted_at=None,
    state__in=(_State.PENDING, _State.SENT, _State.UNDELIVERED),
)
READS = (DeviceKind.READER, DeviceKind.TERMINAL)
AGES = (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24))


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The readers of an issuer: the version each one holds, ascending, 0 for none ever."""

    newest: BlacklistVersion | None
    held: Sequence[int]

    @property
    def readers(self) -> int:
        """Return how many readers there are."""
        return len(self.held)

    @property
    def current(self) -> int:
        """Return how many readers hold the newest version."""
        return self.holding(self.newest.version) if self.newest else 0

    def holding(self, version: int) -> int:
        """Return how many readers hold ``version`` or a newer one."""
        return len(self.held) - bisect_left(self.held, version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Commands no phone has acknowledged, by age, and what they leave exposed.

    ``counts``: up to 5 min, up to 1 h, up to 24 h, older, given up. ``exposed``: by currency, the
    minor units that phones with an unheard block could still spend offline.
    """

    counts: tuple[int, int, int, int, int]
    exposed: Sequence[tuple[str, int]]

    @property
    def total(self) -> int:
        """Return how many commands wait."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phones:
    """The phones that carry a card of the issuer, and those with nothing left to hear."""

    total: int
    current: int


def coverage_of(*, issuer: Issuer) -> Coverage:
    """Return the issuer's newest version and the version each active reader holds, in one query.

    A terminal counts from its first fetch on: most have no reader of their own.
    """
    log = BlacklistDownload.objects.filter(device=OuterRef("pk"), issuer=issuer)
    newest = Subquery(log.order_by("-at", "-id").values("version")[:1])
    reads = Q(kind=DeviceKind.READER) | Q(kind=DeviceKind.TERMINAL) & Q(newest__isnull=False)
    readers = Device.objects.annotate(newest=newest).filter(reads, state=Device.State.ACTIVE)
    held = readers.values(held=Coalesce("newest", 0))
    versions = BlacklistVersion.objects.filter(issuer=issuer).order_by("-version")
    version = versions.annotate(held=ArraySubquery(held)).first()
    if version is None:
        return Coverage(newest=None, held=[0] * readers.count())
    return Coverage(newest=version, held=sorted(version.held))


def phones_of(*, issuer: Issuer) -> Phones:
    """Return how many phones carry the issuer's cards, and how many heard everything."""
    unheard = OtaCommand.objects.filter(card__issuer=issuer, device=OuterRef("pk"))
    carries = Credential.objects.filter(
        issuer=issuer, device=OuterRef("pk"), state=Credential.State.ACTIVE
    )
    counted = Device.objects.filter(Exists(carries), state=Device.State.ACTIVE).aggregate(
        total=Count("pk"),
        current=Count("pk", filter=~Exists(unheard.exclude(state=_State.APPLIED))),
    )
    return Phones(total=counted["total"], current=counted["current"])


def waiting_of(*, issuer: Issuer, at: datetime) -> Waiting:
    """Return what the issuer's phones have not heard by ``at``, in two queries."""
    rows = OtaCommand.objects.filter(card__issuer=issuer).exclude(state=_State.APPLIED)
    given_up = Q(state=_State.UNDELIVERED)
    five_min, hour, day = (at - age for age in AGES)
    counted = rows.aggregate(
        fresh=Count("pk", filter=~given_up & Q(created_at__gt=five_min)),
        hour=Count("pk", filter=~given_up & Q(created_at__lte=five_min, created_at__gt=hour)),
        day=Count("pk", filter=~given_up & Q(created_at__lte=hour, created_at__gt=day)),
        older=Count("pk", filter=~given_up & Q(created_at__lte=day)),
        given_up=Count("pk", filter=given_up),
    )
    order = ("fresh", "hour", "day", "older", "given_up")
    return Waiting(
        counts=tuple(counted[name] for name in order),
        exposed=exposed_of(issuer=issuer, at=at),
    )


def exposed_of(
    *, issuer: Issuer, at: datetime, commands: QuerySet[OtaCommand] | None = None
) -> list[tuple[str, int]]:
    """Return by currency the minor units that phones with an unheard block could still spend.

    ``commands``: those alone that are looked at; a card on a phone counts once, however many.
    """
    rows = OtaCommand.objects.all() if commands is None else commands
    unheard = rows.filter(FREEZING, card=OuterRef("card"), device=OuterRef("device"))
    exposed = Credential.objects.filter(
        Credential.SPENDABLE, Exists(unheard), issuer=issuer, expires_at__gt=at
    )
    sums = exposed.values_list("card__account__currency").annotate(minor=Sum("reserve_minor"))
    return [(currency, minor) for currency, minor in sums.order_by("card__account__currency")]


def spread_of(*, version: BlacklistVersion) -> list[timedelta]:
    """Return how long after its publication each reader held ``version``, the quickest first.

    A reader that skipped it counts from when it was given a newer one.
    """
    given = BlacklistDownload.objects.filter(
        device=OuterRef("pk"),
        issuer=version.issuer_id,
        version__gte=version.version,
        at__gte=version.published_at,
    )
    first = Subquery(given.order_by("at").values("at")[:1])
    readers = Device.objects.filter(kind__in=READS, state=Device.State.ACTIVE)
    firsts = readers.annotate(first=first).exclude(first=None).values_list("first", flat=True)
    return sorted(first - version.published_at for first in firsts if first is not None)
