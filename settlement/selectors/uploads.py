"""Batches as people look at them: the list with its counts, one with its records and its chain."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config.people.access import Tenants
from config.refusals import NotFound
from issuers.models import Issuer
from settlement.models import Batch, BatchRecord
from settlement.selectors.visible import batches_of, records_of, sees_whole

VIEWS: Final = ("", "posting", "refused", "rejected")
_REJECTED: Final = Q(state=BatchRecord.State.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One batch as ``tenants`` may see it; ``whole``: its totals, bytes and every record too."""

    batch: Batch
    whole: bool
    records: QuerySet[BatchRecord]
    rejected: int
    before: Batch | None  # the batch it continues
    held: list[tuple[str, int]]  # issuer's name, list version held


def uploads_of(*, tenants: Tenants, view: str, typed: str, device: str) -> QuerySet[Batch]:
    """Return the batches ``tenants`` may see, each with ``own``, the records of theirs it holds,
    and ``rejected`` of those."""
    rows = batches_of(tenants)
    if view == "posting":
        rows = rows.filter(state=Batch.State.RECEIVED)
    elif view == "refused":
        rows = rows.filter(state=Batch.State.REFUSED)
    elif view == "rejected":
        rows = rows.filter(Exists(_records(_theirs(tenants) & _REJECTED)))
    if device:
        rows = rows.filter(device__reference=device)
    if typed:
        rows = rows.filter(_meant(typed))
    return rows.annotate(
        own=_count(_theirs(tenants)),
        rejected=_count(_theirs(tenants) & _REJECTED),
    )


def look_at(*, tenants: Tenants, reference: str) -> Looked:
    """
    Return one batch with what ``tenants`` may see of it.

    :raises NotFound: unknown, or none of theirs
    """
    batch = batches_of(tenants).filter(reference=reference).first()
    if batch is None:
        raise NotFound
    records = records_of(batch, tenants=tenants)
    before = batches_of(tenants).filter(
        device=batch.device, digest=batch.previous_digest, sequence=batch.sequence - 1
    )
    return Looked(
        batch=batch,
        whole=sees_whole(batch, tenants=tenants),
        records=records,
        rejected=records.filter(_REJECTED).count(),
        before=before.exclude(state=Batch.State.REFUSED).first(),
        held=_held(batch, tenants),
    )


def content_of(*, tenants: Tenants, reference: str) -> bytes:
    """
    Return the batch exactly as its reader signed and uploaded it (COSE_Sign1, protocol §5).

    :raises NotFound: unknown, or not all of it is theirs
    """
    batch = batches_of(tenants).defer(None).filter(reference=reference).first()
    if batch is None or not sees_whole(batch, tenants=tenants):
        raise NotFound
    return bytes(batch.content)


def _theirs(tenants: Tenants) -> Q:
    if tenants.everything:
        return Q()
    named = tenants.references
    return Q(batch__merchant__reference__in=named) | Q(card__issuer__reference__in=named)


def _count(which: Q) -> Any:
    """Return a count of records per batch as a subquery, worked out for the page's rows alone."""
    counted = _records(which).order_by().values("batch").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def _records(which: Q) -> QuerySet[BatchRecord]:
    return BatchRecord.objects.filter(which, batch=OuterRef("pk"))


def _meant(typed: str) -> Q:
    bare = typed.strip()
    meant = Q(reference__iexact=bare) | Q(device__reference__iexact=bare)
    meant |= Q(device__name__icontains=bare)
    if bare.isascii() and bare.isdigit() and len(bare) < 19:
        meant |= Q(sequence=int(bare))
    return meant


def _held(batch: Batch, tenants: Tenants) -> list[tuple[str, int]]:
    """Return whose list the reader held in which version; an issuer is told of its own alone."""
    versions: dict[str, int] = batch.blacklists
    if not sees_whole(batch, tenants=tenants):
        versions = {ref: held for ref, held in versions.items() if ref in tenants.references}
    if not versions:
        return []
    names = dict(Issuer.objects.filter(reference__in=versions).values_list("reference", "name"))
    return sorted((names.get(ref, ref), held) for ref, held in versions.items())
