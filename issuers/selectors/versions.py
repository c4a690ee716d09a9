"""Published versions of an issuer's list: what each changed, its files, and who heard of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Length

from issuers.models import (
    BlacklistEntry,
    BlacklistFile,
    BlacklistVersion,
    Issuer,
    ListedNumber,
    OtaCommand,
)

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


def version_of(*, issuer: Issuer, number: int) -> BlacklistVersion | None:
    """Return one version with the numbers of its neighbours, ``older`` and ``newer``, if any."""
    versions = of_issuer(issuer=issuer)
    older = versions.filter(version__lt=number).order_by("-version").values("version")[:1]
    newer = versions.filter(version__gt=number).order_by("version").values("version")[:1]
    found = versions.filter(version=number).annotate(older=Subquery(older), newer=Subquery(newer))
    return found.first()


def told_by(*, issuer: Issuer, versions: Collection[int]) -> dict[int, Told]:
    """Return for each of ``versions`` what phones were told with it, in one query.

    A block goes with the version that added its card's first number, an unblock with the one that
    took the last away.
    """
    blocks = _commands(issuer, versions, "added_in", [_Action.BLOCK, _Action.WIPE])
    unblocks = _commands(issuer, versions, "removed_in", [_Action.UNBLOCK])
    told: dict[int, Told] = {}
    for version, commands, applied in blocks.union(unblocks, all=True):
        before = told.get(version, Told())
        told[version] = Told(commands=before.commands + commands, applied=before.applied + applied)
    return told


def _commands(
    issuer: Issuer, versions: Collection[int], field: str, actions: list[OtaCommand.Action]
) -> QuerySet[BlacklistEntry, Any]:
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
    rows_of_three: QuerySet[BlacklistEntry, Any] = counted.values_list(version, "queued", "applied")
    return rows_of_three


def changes_in(*, version: BlacklistVersion) -> list[BlacklistEntry]:
    """Return the newest 50 entries that ``version`` listed or lifted; ``added`` says which."""
    numbers = ListedNumber.objects.filter(entry=OuterRef("pk"))
    added = Exists(numbers.filter(added_in=version.version))
    rows = BlacklistEntry.objects.filter(
        Q(added) | Q(Exists(numbers.filter(removed_in=version.version))),
        issuer=version.issuer_id,
    )
    rows = rows.annotate(added=added).select_related("card__programme")
    return list(rows.order_by("-id")[:CHANGES_SHOWN])


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
