"""Batches a reader went on without: one exception per gap, closed by the batches that fill it.

A reader that lost its store, or a copy of one, sends a later sequence than is next. Until the gap
is filled the shop's settlement with this reader is incomplete: it stands in the shop's exceptions,
and payouts name the reader (:func:`settlement.selectors.readers.readers_of`, ``missing``, which
:mod:`settlement.services.payouts` asks). A reader that is merely silent has told of no sequence:
:mod:`settlement.services.silence` looks for those.
"""

from datetime import datetime

from django.db.models import QuerySet

from settlement.models import Batch, ExceptionItem
from settlement.models.batches import SEQUENCE_MISSING

_OUT_OF_TURN = "batch_sequence"


def note(*, batch: Batch, at: datetime) -> None:
    """
    Open, widen, narrow or close the exception of the reader whose ``batch`` was just taken in.

    The caller holds the lock on the reader's row, so no two batches of it come here at once. A gap
    that somebody explained by hand is not opened again by the same gap.
    """
    if batch.state != Batch.State.REFUSED:
        _fill(batch, at)
    elif batch.refusal == _OUT_OF_TURN:
        _open(batch, at)


def _open(batch: Batch, at: datetime) -> None:
    before = Batch.objects.filter(device=batch.device).exclude(state=Batch.State.REFUSED)
    newest = before.order_by("-sequence").first()
    first, last = (newest.sequence + 1 if newest else 1), batch.sequence - 1
    told = _of(batch).filter(detail__first=first).first()
    if told is None:
        ExceptionItem.objects.create(
            kind=SEQUENCE_MISSING,
            tenant=batch.merchant.reference,
            detail={
                "reader": batch.device.reference,
                "name": batch.device.name,
                "first": first,
                "last": last,
                "since": int(newest.received_at.timestamp()) if newest else None,
            },
            opened_at=at,
        )
    elif told.resolved_at is None and told.detail["last"] < last:
        told.detail["last"] = last
        told.save(update_fields=["detail"])


def _fill(batch: Batch, at: datetime) -> None:
    told = _of(batch).filter(resolved_at=None, detail__first__lte=batch.sequence).first()
    if told is None:
        return
    if told.detail["last"] > batch.sequence:
        told.detail["first"] = batch.sequence + 1
        told.save(update_fields=["detail"])
        return
    told.resolved_at, told.resolution = at, "filled"
    told.save(update_fields=["resolved_at", "resolution"])


def _of(batch: Batch) -> QuerySet[ExceptionItem]:
    return ExceptionItem.objects.filter(
        tenant=batch.merchant.reference,
        kind=SEQUENCE_MISSING,
        detail__reader=batch.device.reference,
    ).order_by("-pk")
