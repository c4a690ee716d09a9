"""Published versions of an issuer's list: what each changed, its files, and who heard of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Length

from issuers.models import BlacklistEntry, BlacklistFile, BlacklistVersion, Issuer, OtaCommand

CHANGES_SHOWN = 50
_Action = OtaCommand.Action
_APPLIED = Q(commands__state=OtaCommand.State.APPLIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The commands that went to phones with a version, and those of them that were applied."""

    commands: int = 0
    applied: int = 0


def of_issuer(*, issuer: Issuer) -> QuerySet[BlacklistVersion]:
    """Return the versions of ``issuer``; their numbers rise with their ids."""
    return BlacklistVersion.objects.filter(issuer=issuer)


def told_by(*, issuer: Issuer, versions: Collection[int]) -> dict[int, Told]:
    """Return for each of ``versions`` what phones were told with it, in two queries.

    A block goes with the version that added its card's first number, an unblock with the one that
    took the last away.
    """
    told: dict[int, Told] = {}
    for field, actions in (
        ("added_in", [_Action.BLOCK, _Action.WIPE]),
        ("removed_in", [_Action.UNBLOCK]),
    ):
        for version, commands, applied in _commands(issuer, versions, field, actions):
            before = told.get(version, Told())
            told[version] = Told(
                commands=before.commands + commands, applied=before.applied + applied
            )
    return told


def _commands(
    issuer: Issuer, versions: Collection[int], field: str, actions: list[OtaCommand.Action]
) -> list[tuple[int, int, int]]:
    version = f"numbers__{field}"
    rows = BlacklistEntry.objects.filter(
        issuer=issuer, commands__action__in=actions, **{f"{version}__in": versions}
    )
    counted = (
        rows.order_by()
        .values(version)
        .annotate(
            queued=Count("commands", distinct=True),
            applied=Count("commands", distinct=True, filter=_APPLIED),
        )
    )
    return list(counted.values_list(version, "queued", "applied"))


def changes_in(*, version: BlacklistVersion) -> tuple[list[BlacklistEntry], list[BlacklistEntry]]:
    """Return the newest 50 entries that ``version`` added, and the newest 50 it took away."""
    rows = BlacklistEntry.objects.filter(issuer=version.issuer_id).select_related("card__programme")
    added = rows.filter(numbers__added_in=version.version)
    removed = rows.filter(numbers__removed_in=version.version)
    return _newest(added), _newest(removed)


def _newest(rows: QuerySet[BlacklistEntry]) -> list[BlacklistEntry]:
    return list(rows.distinct().order_by("-id")[:CHANGES_SHOWN])


def files_of(*, version: BlacklistVersion) -> Sequence[BlacklistFile]:
    """Return the signed files built for ``version``, the full one first, each with its ``size``.

    ``size``: bytes; the content itself stays in the database.
    """
    rows = BlacklistFile.objects.filter(issuer=version.issuer_id, version=version.version)
    return list(rows.defer("content").annotate(size=Length("content")).order_by("base"))


def file_of(*, version: BlacklistVersion, base: int) -> BlacklistFile | None:
    """Return the signed file that leads from ``base`` (0: none) to ``version``, if it was built."""
    return BlacklistFile.objects.filter(
        issuer=version.issuer_id, version=version.version, base=base
    ).first()


def neighbours_of(*, version: BlacklistVersion) -> tuple[int | None, int | None]:
    """Return the numbers of the version before and the version after, None at the ends."""
    rows = of_issuer(issuer=version.issuer)
    numbers = rows.values_list("version", flat=True)
    before = numbers.filter(version__lt=version.version).order_by("-version").first()
    after = numbers.filter(version__gt=version.version).order_by("version").first()
    return before, after
