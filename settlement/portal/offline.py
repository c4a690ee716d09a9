"""A shop's offline queue: what its readers have sent, still hold, miss, and what was rejected."""

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config import exports
from config.models import Device
from config.paging import AS_FILE, address
from config.people.access import right_required
from config.portal import sheets
from config.portal.home import Tile
from config.roles import Right
from settlement.models import Batch, BatchRecord
from settlement.portal import words
from settlement.portal.endings import may_end
from settlement.portal.exceptions import row_of
from settlement.portal.places import choose, may_choose, shop_of
from settlement.portal.sheets import lines_of_readers
from settlement.selectors import queues, readers
from settlement.selectors.readers import Reader

REVOKED: Final = words.Look("neutral", gettext_lazy("Revoked"))
MISSING: Final = words.Look("bad", gettext_lazy("Batch missing"))
REJECTED: Final = words.Look("warn", gettext_lazy("Records rejected"))
WAITING: Final = words.Look("info", gettext_lazy("Being posted"))
SILENT: Final = words.Look("neutral", gettext_lazy("Nothing sent yet"))
IN_ORDER: Final = words.Look("ok", gettext_lazy("In order"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A reader as the page draws it; ``missing``: which batches, in words."""

    reader: Reader
    look: words.Look
    missing: str
    last: words.Look | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that posted nothing, and why."""

    record: BatchRecord
    reason: str | Promise


@right_required(Right.SEE_BATCHES)
@require_safe
def merchant_offline(request: HttpRequest) -> HttpResponseBase:
    """Show each reader of a shop, and the records rejected of late."""
    shop = shop_of(request)
    if shop is None:
        return choose(request, page="merchant-offline")
    at = timezone.now()
    known = readers.readers_of(merchant=shop, at=at)
    if sheets.wanted(request):
        name = f"readers-{shop.reference}"
        return exports.download(name=name, rows=lines_of_readers(known))
    found = list(readers.rejected_of(merchant=shop, at=at)[: readers.REJECTED_SHOWN])
    gaps = queues.gaps_of(merchant=shop.reference)
    context = {
        "merchant": shop,
        "rows": [_row(reader) for reader in known],
        "tiles": _tiles(known),
        "gaps": [row_of(item, time_zone=shop.time_zone) for item in gaps],
        "may_end": may_end(request),
        "rejected": [Rejected(record=record, reason=words.reason_of(record)) for record in found],
        "most": readers.REJECTED_SHOWN,
        "days": readers.LATELY_DAYS,
        "may_choose": may_choose(request),
        "file": address(request, **AS_FILE),
    }
    return render(request, "settlement/offline.html", context)


def _row(reader: Reader) -> Row:
    last = reader.last
    return Row(
        reader=reader,
        look=_look(reader),
        missing=_missing(reader),
        last=words.BATCH_LOOKS[Batch.State(last.state)] if last else None,
    )


def _look(reader: Reader) -> words.Look:
    """Return where a reader stands: the worst that is known of it."""
    standings = (
        (reader.item.device.state == Device.State.REVOKED, REVOKED),
        (reader.missing is not None, MISSING),
        (reader.rejected > 0, REJECTED),
        (reader.waiting > 0, WAITING),
        (reader.last is None, SILENT),
    )
    return next((look for holds, look in standings if holds), IN_ORDER)


def _missing(reader: Reader) -> str:
    if reader.missing is None:
        return ""
    first, last = reader.missing
    if first == last:
        return _("Number %(first)s has not come") % {"first": f"{first:,}"}
    told = {"first": f"{first:,}", "last": f"{last:,}"}
    return _("Numbers %(first)s to %(last)s have not come") % told


def _tiles(known: list[Reader]) -> list[Tile]:
    telling = [each.item.unsent_count for each in known if each.item.unsent_count is not None]
    return [
        Tile(
            label=_("Records posted today"),
            value=f"{sum(each.posted_today for each in known):,}",
        ),
        Tile(
            label=_("Still in the readers"),
            value=f"{sum(telling):,}" if telling else None,
            note=_("as readers last said: %(telling)s of %(whole)s did")
            % {"telling": len(telling), "whole": len(known)},
        ),
        Tile(
            label=_("Batches being posted"),
            value=f"{sum(each.waiting for each in known):,}",
        ),
        Tile(
            label=_("Rejected records"),
            value=f"{sum(each.rejected for each in known):,}",
            note=_("in %(days)s days") % {"days": readers.LATELY_DAYS},
        ),
    ]
