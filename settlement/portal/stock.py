"""A shop's gift certificates and lottery tickets: what is there, and a file of more."""

from typing import Final, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config import exports
from config.models import Job
from config.paging import newest_first
from config.people.access import SignedInRequest, actor_of, may, right_required
from config.portal import filters, sheets
from config.refusals import NotFound, Refused
from config.roles import Right
from merchants.models import Merchant
from settlement.models import Preapproval, StockItem
from settlement.portal import preapproval_words as words
from settlement.portal.forms import show_refusal
from settlement.portal.machine_sheets import STOCK
from settlement.portal.places import merchant_for
from settlement.selectors.preapprovals import stock_visible_to
from settlement.selectors.stock_counts import counts_of
from settlement.services import stock, stock_files
from settlement.services.stock_files import BYTES_MAX

HEADS: Final = ["line", "code", "text"]
SHOWN_MAX: Final = 15  # faults on the page; the file has all
VIEWS: Final = {
    "all": gettext_lazy("All"),
    "available": gettext_lazy("In stock"),
    "sold": gettext_lazy("Sold"),
}
_STATES: Final = {"available": StockItem.State.AVAILABLE, "sold": StockItem.State.SOLD}


class StockFileForm(forms.Form):
    """A file of items."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy(
            "UTF-8; its first line is kind,currency,amount,serial. 20,000 lines, 2 MiB at most."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )


@right_required(Right.SEE_PAYMENTS)
@require_safe
def stock_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    """List the shop's items, newest first, with what is left of each denomination."""
    shop = merchant_for(request, merchant, Right.SEE_PAYMENTS)
    view = filters.view_of(request, VIEWS)
    person = cast("SignedInRequest", request)
    rows = stock_visible_to(person.user).filter(merchant=shop)
    if view in _STATES:
        rows = rows.filter(state=_STATES[view])
    typed = filters.typed(request, "q")
    if typed:
        rows = rows.filter(serial__iexact=typed)
    if sheets.wanted(request):
        return sheets.download(request, name="stock", rows=rows, sheet=STOCK)
    page = newest_first(rows=rows, request=request)
    context = {
        "merchant": shop,
        "page": page,
        "counts": [(each, words.KINDS[Preapproval.Kind(each.kind)]) for each in counts_of(shop)],
        "listed": [
            (
                row,
                words.KINDS[Preapproval.Kind(row.kind)],
                words.STOCK_LOOKS[StockItem.State(row.state)],
            )
            for row in page.rows
        ],
        "tabs": filters.tabs(request, labels=VIEWS, current=view),
        "asked": typed,
        "kept": filters.kept(request, "view"),
        "narrowed": bool(typed) or view != "all",
        "may_edit": may(membership=person.membership, right=Right.EDIT_SHOP),
    }
    return render(request, "settlement/stock_list.html", context)


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def stock_load(request: HttpRequest, merchant: str) -> HttpResponse:
    """Take a file of items in; lines that cannot be taken come back as a file."""
    shop = merchant_for(request, merchant, Right.EDIT_SHOP)
    form = StockFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            # One byte more than may be: the domain then refuses it, whatever the browser said.
            job = stock_files.take_in(
                merchant=shop,
                source=form.cleaned_data["file"].read(BYTES_MAX + 1),
                actor=actor_of(request),
                at=timezone.now(),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            return redirect("stock-file", merchant=shop.reference, job=job.reference)
    return render(request, "settlement/stock_load.html", {"merchant": shop, "form": form})


@right_required(Right.SEE_PAYMENTS)
@require_safe
def stock_file(request: HttpRequest, merchant: str, job: str) -> HttpResponse:
    """Tell what became of a file."""
    shop = merchant_for(request, merchant, Right.SEE_PAYMENTS)
    held = _job(shop, job)
    context = {
        "merchant": shop,
        "job": held,
        "taken": held.total - held.failed,
        "shown": held.errors[:SHOWN_MAX],
    }
    return render(request, "settlement/stock_file.html", context)


@right_required(Right.SEE_PAYMENTS)
@require_safe
def stock_file_errors(request: HttpRequest, merchant: str, job: str) -> HttpResponseBase:
    """Hand out the error file: one line for each line that was not taken."""
    shop = merchant_for(request, merchant, Right.SEE_PAYMENTS)
    held = _job(shop, job)
    lines = [[error[head] for head in HEADS] for error in held.errors]
    return exports.download(name=f"{held.reference}-errors", rows=[HEADS, *lines])


def _job(shop: Merchant, reference: str) -> Job:
    rows = Job.objects.filter(kind=stock_files.KIND, tenant=shop.reference)
    return get_object_or_404(rows, reference=reference)


@right_required(Right.EDIT_SHOP)
@require_POST
def stock_withdraw(request: HttpRequest, merchant: str) -> HttpResponseBase:
    """Take an item that nobody bought out of stock for good.

    :raises NotFound: the shop has no such item
    """
    shop = merchant_for(request, merchant, Right.EDIT_SHOP)
    try:
        stock.withdraw(
            merchant=shop,
            serial=request.POST.get("serial", ""),
            kind=request.POST.get("kind", ""),
            actor=actor_of(request),
            at=timezone.now(),
        )
    except NotFound:
        raise
    except Refused as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("The item is out of stock for good."))
    return redirect("stock-list", merchant=shop.reference)
