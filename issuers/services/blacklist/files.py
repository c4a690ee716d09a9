"""Signed files for readers: immutable per issuer, base and version, built once, then stored."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from config import keys
from config.models import Device
from issuers import wire
from issuers.models import (
    BlacklistDownload,
    BlacklistFile,
    BlacklistVersion,
    Issuer,
    ListedNumber,
)
from issuers.services.blacklist import numbers, publication
from issuers.wire import rice

# A full list must spare this much before it replaces a delta: small lists then go as deltas.
_WORTH_BITS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What a reader gets: ``content`` None is "current" (204). ``etag`` is without its quotes."""

    content: bytes | None
    etag: str
    version: int


def file_for(*, issuer: Issuer, have: int, at: datetime) -> Download:
    """Return what leads a reader from version ``have`` (0: none) to the newest (protocol §5.1).

    A known older version gets a delta, or the full list where that is smaller; an unknown or
    future one the full list. A file not asked for before is built and signed here, with nothing
    locked; of two builders the first to store decides the bytes.
    """
    newest = publication.current(issuer=issuer)
    if newest is None:
        return Download(content=None, etag="", version=0)
    if have == newest.version:
        return Download(content=None, etag="", version=have)
    file = _stored(newest, base=have)
    if file is None:
        base = have if _delta_serves(newest, have) else 0
        file = _stored(newest, base=base) if base != have else None
        file = file or _build(newest, base=base, at=at)
    return Download(content=bytes(file.content), etag=file.etag, version=newest.version)


def prepare(*, issuer: Issuer, at: datetime) -> None:
    """Build the two files that readers will ask for most: the full one and the newest step."""
    newest = publication.current(issuer=issuer)
    if newest is None or _stored(newest, base=0) is not None:
        return
    older = BlacklistVersion.objects.filter(issuer=issuer, version__lt=newest.version)
    before = older.order_by("-version").first()
    if before is not None:
        file_for(issuer=issuer, have=before.version, at=at)
    file_for(issuer=issuer, have=0, at=at)


def issuers_unprepared() -> Sequence[Issuer]:
    """Return the issuers whose newest version has no full file yet."""
    full = BlacklistFile.objects.filter(
        issuer=OuterRef("issuer"), base=0, version=OuterRef("version")
    )
    newest = BlacklistVersion.objects.order_by("issuer", "-version").distinct("issuer")
    lacking = BlacklistVersion.objects.filter(~Exists(full), pk__in=newest.values("pk"))
    return list(Issuer.objects.filter(pk__in=lacking.values("issuer")).order_by("pk"))


def log_download(
    *, issuer: Issuer, device: Device, have: int, version: int, at: datetime
) -> BlacklistDownload:
    """Note which version a reader was given: it decides liability later (protocol §5)."""
    return BlacklistDownload.objects.create(
        issuer=issuer, device=device, have=have, version=version, at=at
    )


def _stored(newest: BlacklistVersion, *, base: int) -> BlacklistFile | None:
    return BlacklistFile.objects.filter(
        issuer=newest.issuer_id, base=base, version=newest.version
    ).first()


def _delta_serves(newest: BlacklistVersion, have: int) -> bool:
    versions = BlacklistVersion.objects.filter(issuer=newest.issuer_id)
    if not 0 < have < newest.version or not versions.filter(version=have).exists():
        return False
    steps = versions.filter(version__gt=have).aggregate(added=Sum("added"), removed=Sum("removed"))
    universe = newest.issuer.next_list_number
    delta = _bits(steps["added"], universe) + _bits(steps["removed"], universe)
    return delta <= _bits(newest.entries, universe) + _WORTH_BITS


def _bits(count: int, universe: int) -> float:
    """Return about how many bits Rice coding takes for ``count`` numbers below ``universe``."""
    return count * (1.5 + math.log2(max(universe / count, 1))) if count else 0.0


def _build(newest: BlacklistVersion, *, base: int, at: datetime) -> BlacklistFile:
    issuer = newest.issuer
    made = wire.BlacklistFile(
        issuer=issuer.reference,
        version=newest.version,
        base=base,
        issued=int(newest.published_at.timestamp()),
        wait_s=issuer.poll_wait_s,
        removals=rice.encode(numbers.ascending(_gone(newest, base)) if base else ()),
        additions=rice.encode(numbers.ascending(_come(newest, base))),
        entries=newest.entries,
        digest=bytes(newest.digest),
    )
    content = made.sign(key=keys.signer(holder=issuer.reference, at=at))
    file = BlacklistFile(
        issuer=issuer,
        base=base,
        version=newest.version,
        content=content,
        etag=hashlib.sha256(content).hexdigest(),
        built_at=at,
    )
    BlacklistFile.objects.bulk_create([file], ignore_conflicts=True)
    return BlacklistFile.objects.get(issuer=issuer, base=base, version=newest.version)


def _listed_at(version: int) -> Q:
    return Q(added_in__lte=version) & (Q(removed_in=None) | Q(removed_in__gt=version))


def _come(newest: BlacklistVersion, base: int) -> QuerySet[ListedNumber]:
    listed = ListedNumber.objects.filter(_listed_at(newest.version), issuer=newest.issuer_id)
    if not base:
        return listed
    return listed.filter(~_same_number(newest, base), added_in__gt=base)


def _gone(newest: BlacklistVersion, base: int) -> QuerySet[ListedNumber]:
    left = ListedNumber.objects.filter(
        _listed_at(base), issuer=newest.issuer_id, removed_in__lte=newest.version
    )
    return left.filter(~_same_number(newest, newest.version))


def _same_number(newest: BlacklistVersion, version: int) -> Exists:
    """A number lifted and listed again between two versions is on both: no step at all."""
    return Exists(
        ListedNumber.objects.filter(
            _listed_at(version), issuer=newest.issuer_id, list_number=OuterRef("list_number")
        )
    )
