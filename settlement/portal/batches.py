"""Batches of offline records: what readers uploaded, and what became of each record."""

from dataclasses import dataclass
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.paging import AS_FILE, Page, address, newest_first
from config.people.access import SignedInRequest, Tenants, right_required, tenants_with
from config.portal import filters, sheets
from config.roles import Right
from settlement.models import Batch, BatchRecord
from settlement.portal import words
from settlement.portal.sheets import RECORDS, batches_seen_by
from settlement.selectors import uploads
from settlement.selectors.uploads import Looked
from settlement.selectors.visible import sees_whole

RECORDS_SHOWN: Final = 100
VIEWS: Final = {
    "": gettext_lazy("All"),
    "posting": gettext_lazy("Being posted"),
    "refused": gettext_lazy("Refused"),
    "rejected": gettext_lazy("With rejected records"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A batch as the list draws it; ``totals`` per currency, None where they are not to be seen."""

    batch: Batch
    look: words.Look
    refusal: str | Promise
    records: int
    rejected: int
    totals: list[tuple[int, str]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record with its verdict; ``payment``: the reference of what it made, "" if not theirs."""

    record: BatchRecord
    look: words.Look
    kind: str | Promise
    reason: str | Promise
    payment: str


@right_required(Right.SEE_BATCHES)
@require_safe
def batch_list(request: HttpRequest) -> HttpResponseBase:
    """List the uploads, newest first; an issuer sees those that hold records of its cards."""
    tenants = _tenants(request)
    view = filters.view_of(request, VIEWS)
    typed = filters.typed(request, "q")
    device = filters.typed(request, "device")
    rows = uploads.uploads_of(tenants=tenants, view=view, typed=typed, device=device)
    if sheets.wanted(request):
        sheet = batches_seen_by(tenants)
        return sheets.download(request, name="batches", rows=rows, sheet=sheet)
    page = newest_first(rows=rows, request=request)
    chips = [filters.chip(request, "device", _("Reader"), device)] if device else []
    context = {
        "page": page,
        "rows": [_row(batch, tenants) for batch in page.rows],
        "tabs": filters.tabs(request, labels=VIEWS, current=view),
        "chips": chips,
        "typed": typed,
        "kept": filters.kept(request, "view", "device"),
        "narrowed": bool(view or typed or device),
    }
    return render(request, "settlement/batch_list.html", context)


@right_required(Right.SEE_BATCHES)
@require_safe
def batch(request: HttpRequest, reference: str) -> HttpResponseBase:
    """Show one upload: its digest and chain, the list versions held, the verdict on each record."""
    tenants = _tenants(request)
    looked = uploads.look_at(tenants=tenants, reference=reference)
    page = _page(request, looked)
    row = looked.batch
    if sheets.wanted(request):
        return sheets.download(request, name=row.reference, rows=looked.records, sheet=RECORDS)
    context = _told(row) | {
        "batch": row,
        "looked": looked,
        "page": page,
        "records": [_record(each, row, tenants) for each in page.rows],
        "digest": bytes(row.digest).hex(),
        "previous": bytes(row.previous_digest).hex() if any(bytes(row.previous_digest)) else "",
    }
    return render(request, "settlement/batch.html", context)


@right_required(Right.SEE_BATCHES)
@require_safe
def batch_content(request: HttpRequest, reference: str) -> HttpResponse:
    """Hand out the batch exactly as it was signed; to an issuer only where all of it is its own."""
    content = uploads.content_of(tenants=_tenants(request), reference=reference)
    name = f'attachment; filename="{reference}.cose"'
    return HttpResponse(
        content, content_type="application/cose", headers={"Content-Disposition": name}
    )


def _page(request: HttpRequest, looked: Looked) -> Page[BatchRecord]:
    """Return the records that ``?after=<index>`` or ``?before=<index>`` asks for, in order."""
    after, before = (_index(request.GET.get(name, "")) for name in ("after", "before"))
    size = RECORDS_SHOWN
    if before is not None:
        found = list(looked.records.filter(index__lt=before).order_by("-index")[: size + 1])[::-1]
        above, below, found = len(found) > size, True, found[-size:]
    else:
        rows = looked.records if after is None else looked.records.filter(index__gt=after)
        found = list(rows[: size + 1])
        above, below, found = after is not None, len(found) > size, found[:size]
    count = looked.batch.record_count if looked.whole else looked.records.count()
    return Page(
        rows=found,
        previous=f"?before={found[0].index}" if found and above else "",
        next=f"?after={found[-1].index}" if found and below else "",
        says=_("%(count)s in all") % {"count": f"{count:,}"},
        file=address(request, **AS_FILE),
    )


def _index(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None


def _tenants(request: HttpRequest) -> Tenants:
    return tenants_with(user=cast("SignedInRequest", request).user, right=Right.SEE_BATCHES)


def _told(batch: Batch) -> dict[str, Any]:
    return {
        "look": words.BATCH_LOOKS[Batch.State(batch.state)],
        "refusal": words.refusal_of(batch),
        "totals": sorted((minor, currency) for currency, minor in batch.totals.items()),
    }


def _row(batch: Batch, tenants: Tenants) -> Row:
    whole = sees_whole(batch, tenants=tenants)
    told = _told(batch)
    return Row(
        batch=batch,
        look=told["look"],
        refusal=told["refusal"],
        records=batch.record_count if whole else batch.own,  # type: ignore[attr-defined]
        rejected=batch.rejected,  # type: ignore[attr-defined]  # annotated
        totals=told["totals"] if whole else None,
    )


def _record(record: BatchRecord, batch: Batch, tenants: Tenants) -> Record:
    payment = record.payment
    theirs = payment is not None and (
        payment.merchant_id == batch.merchant_id or not sees_whole(batch, tenants=tenants)
    )
    return Record(
        record=record,
        look=words.RECORD_LOOKS[BatchRecord.State(record.state)],
        kind=words.KINDS.get(record.kind, "") if record.kind is not None else "",
        reason=words.reason_of(record),
        payment=payment.reference if payment and (theirs or tenants.everything) else "",
    )
