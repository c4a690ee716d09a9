"""The shop's sales as they come in: the page, its rows after a number, its figures."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.paging import address, newest_first
from config.people.access import SignedInRequest, may, right_required
from config.portal import filters, sheets
from config.portal.home import Tile
from config.roles import Right
from merchants.models import Merchant
from settlement.models import Payment
from settlement.portal import figures, words
from settlement.portal.places import choose, may_choose, shop_of
from settlement.portal.sheets import PAYMENTS
from settlement.selectors import sales
from settlement.selectors.sales import Asked, Today

EVENTS_AT_ONCE: Final = 500
KEPT_BY_SEARCH: Final = ("merchant", "view", "day", "device", "channel", "state")
VIEWS: Final = {
    "": gettext_lazy("All"),
    "today": gettext_lazy("Today"),
    "open": gettext_lazy("Waiting"),
    "refunded": gettext_lazy("Refunded"),
    "reversed": gettext_lazy("Reversed"),
    "borne": gettext_lazy("Borne by others"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A payment as the list draws it; ``elsewhere``: the list does not take it, only redraws it.

    ``tid``: "" for a payment that no terminal asked for; ``given_back``: "" for none.
    """

    payment: Payment
    tid: str
    look: words.Look
    paid_with: str | Promise
    warning: str | Promise
    given_back: str = ""
    elsewhere: bool = False


@right_required(Right.SEE_PAYMENTS)
@require_safe
def payment_live(request: HttpRequest) -> HttpResponseBase:
    """Show the shop's sales, newest first; live.js keeps the page up to date."""
    shop = shop_of(request)
    if shop is None:
        return choose(request, page="payment-live")
    asked, at = _asked(request), timezone.now()
    if sheets.wanted(request):
        rows = sales.sales_of(merchant=shop, asked=asked, at=at)
        return sheets.download(
            request, name=f"payments-{shop.reference}", rows=rows, sheet=PAYMENTS
        )
    # The number is read before the rows: what happens between the two comes once more, not never.
    today = sales.today_so_far(merchant=shop, at=at)
    page = newest_first(rows=sales.sales_of(merchant=shop, asked=asked, at=at), request=request)
    context = _toolbar(request, shop, asked, today) | {
        "merchant": shop,
        "page": page,
        "rows": [row_of(payment) for payment in page.rows],
        "tiles": _tiles(today, shop),
        "may_take": may(
            membership=cast("SignedInRequest", request).membership, right=Right.TAKE_PAYMENTS
        ),
        "head": today.head,
        "socket": f"{settings.SOCKETS_ORIGIN}/ws/v1/merchant/payments?merchant={shop.reference}",
        "narrowed": asked != Asked(),
        "later_page": bool(page.previous),
        "may_choose": may_choose(request),
    }
    return render(request, "settlement/payment_live.html", context)


@right_required(Right.SEE_PAYMENTS)
@require_safe
def payment_rows(request: HttpRequest) -> HttpResponse:
    """Answer ``{html, seq, count, ids, head}``: rows of what happened after ``?after=<seq>``.

    ``count`` and ``ids`` are of the payments the list takes; ``html`` also redraws the others.
    """
    shop, after = shop_of(request), request.GET.get("after", "")
    if shop is None or not (after.isascii() and after.isdigit() and len(after) < 19):
        return HttpResponseBadRequest()
    changed = sales.changed_since(
        merchant=shop,
        asked=_asked(request),
        seq=int(after),
        limit=EVENTS_AT_ONCE,
        at=timezone.now(),
    )
    rows = [row_of(payment, fits=payment.pk in changed.fitting) for payment in changed.payments]
    ids = [row.payment.reference for row in rows if not row.elsewhere]
    told = {
        "html": _drawn(request, rows),
        "seq": changed.seq,
        "count": len(ids),
        "ids": ids,
        "head": changed.head,
    }
    return JsonResponse(told, headers={"Cache-Control": "no-store"})


@right_required(Right.SEE_PAYMENTS)
@require_safe
def payment_tiles(request: HttpRequest) -> HttpResponse:
    """Answer the figures above the list alone, as htmx redraws them."""
    shop = shop_of(request)
    if shop is None:
        return HttpResponseBadRequest()
    today = sales.today_so_far(merchant=shop, at=timezone.now())
    return HttpResponse(render_to_string("components/tiles.html", {"tiles": _tiles(today, shop)}))


def row_of(payment: Payment, *, fits: bool = True) -> Row:
    """Return ``payment`` as the list draws it."""
    borne = words.borne(bearer=payment.bearer, cause=payment.bearer_cause)
    return Row(
        payment=payment,
        tid=payment.request.tid if hasattr(payment, "request") else "",
        look=words.payment_look(payment),
        paid_with=words.CHANNELS[Payment.Channel(payment.channel)],
        warning=borne.word if payment.bearer != Payment.Bearer.CARDHOLDER else _why(payment),
        given_back=words.amount(payment.refunded_minor, payment.currency)
        if payment.refunded_minor
        else "",
        elsewhere=not fits,
    )


def _why(payment: Payment) -> str | Promise:
    return words.decline_of(payment.decline_reason)


def _drawn(request: HttpRequest, rows: list[Row]) -> str:
    """Return the rows by the page's own partial, without the frame's queries."""
    zone = getattr(request, "time_zone", "")
    return render_to_string("settlement/payment_live.html#rows", {"rows": rows, "time_zone": zone})


def _asked(request: HttpRequest) -> Asked:
    return Asked(
        view=filters.view_of(request, VIEWS),
        typed=filters.typed(request, "q"),
        day=_day(request.GET.get("day", "")),
        device=filters.typed(request, "device"),
        channel=_one_of(request, "channel", Payment.Channel.values),
        state=_one_of(request, "state", Payment.State.values),
    )


def _one_of(request: HttpRequest, name: str, known: list[str]) -> str:
    asked = request.GET.get(name, "")
    return asked if asked in known else ""


def _day(typed: str) -> date | None:
    try:
        return datetime.strptime(typed, "%Y-%m-%d").date()  # noqa: DTZ007  (a date has no zone)
    except ValueError:
        return None


def _toolbar(request: HttpRequest, shop: Merchant, asked: Asked, today: Today) -> dict[str, Any]:
    chips = []
    if asked.day:
        chips.append(filters.chip(request, "day", _("Day"), asked.day.isoformat()))
    if asked.device:
        name = dict(today.devices).get(asked.device, asked.device)
        chips.append(filters.chip(request, "device", _("Where"), name))
    if asked.channel:
        called = str(words.CHANNELS[Payment.Channel(asked.channel)])
        chips.append(filters.chip(request, "channel", _("Paid with"), called))
    if asked.state:
        called = str(words.PAYMENT_LOOKS[Payment.State(asked.state)].word)
        chips.append(filters.chip(request, "state", _("State"), called))
    return {
        "tabs": filters.tabs(request, labels=VIEWS, current=asked.view),
        "chips": chips,
        "readers": [(ref, name, ref == asked.device) for ref, name in today.devices],
        "channels": [(ref, name, ref == asked.channel) for ref, name in words.CHANNELS.items()],
        "states": [
            (ref, look.word, ref == asked.state) for ref, look in words.PAYMENT_LOOKS.items()
        ],
        "day": asked.day,
        "typed": asked.typed,
        "kept_by_search": [("to", "payment-live"), *filters.kept(request, *KEPT_BY_SEARCH)],
        "kept_by_filter": filters.kept(request, "merchant", "view", "q"),
        "query": address(request, merchant=shop.reference),
    }


def _tiles(today: Today, shop: Merchant) -> list[Tile]:
    return [
        *(figures.taken(of) for of in today.taken),
        figures.waiting(today, currency=shop.currency),
        figures.queued(today),
        figures.posting(today),
    ]
