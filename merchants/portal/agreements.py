"""What a merchant pays per payment: what was agreed, and what is agreed next."""

from datetime import UTC, datetime, time
from typing import cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from config.money import Money
from config.paging import newest_first
from config.people.access import SignedInRequest, actor_of, may, require, right_required
from config.portal import sheets
from config.refusals import Refused
from config.roles import Right
from merchants.models import Agreement, Merchant
from merchants.portal.forms import AgreementForm
from merchants.portal.merchants import form_refused, merchant_for
from merchants.portal.sheets import agreements_in
from merchants.services import agreements


@right_required(Right.SEE_PAYOUTS)
@require_http_methods(["GET", "POST"])
def agreement_list(request: HttpRequest, merchant: str) -> HttpResponseBase:
    """List the agreements, the last to begin first; agree the next one after a look at it."""
    row = merchant_for(request, merchant, Right.SEE_PAYOUTS)
    now = timezone.now()
    if request.method == "POST":
        require(request=request, right=Right.EDIT_AGREEMENTS)
        row = merchant_for(request, merchant, Right.EDIT_AGREEMENTS)
    if sheets.wanted(request):
        return sheets.download(
            request,
            name=f"agreements-{row.reference}",
            rows=row.agreements.all(),
            sheet=agreements_in(row.currency),
        )
    edits = may(membership=cast("SignedInRequest", request).membership, right=Right.EDIT_AGREEMENTS)
    form = AgreementForm(request.POST or None, currency=row.currency) if edits else None
    preview = ""
    if form is not None and form.is_valid():
        if form.data.get("agreed") == form.shown() and _agree(request, row, form, now):
            messages.success(request, _("Agreed. Payments from that moment on pay it."))
            return redirect("agreement-list", merchant=row.reference)
        preview = _preview(row, form, now)
    page = newest_first(rows=row.agreements.all(), request=request)
    in_force = _in_force(row, now)
    context = {
        "merchant": row,
        "page": page,
        "rows": [(each, _standing(each, in_force), sentence(each, row)) for each in page.rows],
        "form": form,
        "preview": preview,
        "edits_shop": may(
            membership=cast("SignedInRequest", request).membership, right=Right.EDIT_SHOP
        ),
    }
    return render(request, "merchants/agreement_list.html", context)


def sentence(agreement: Agreement, merchant: Merchant) -> str:
    """Return the agreement as one sentence, in the merchant's own time."""
    local = agreement.effective_from.astimezone(ZoneInfo(merchant.time_zone))
    share = f"{agreement.fee_bps / 100:.2f} %"
    told = {
        "from": f"{date_format(local, 'j M Y')} {local:%H:%M}",
        "zone": merchant.time_zone,
        "online": Money(agreement.online_fee_minor, merchant.currency),
        "offline": Money(agreement.offline_fee_minor, merchant.currency),
        "share": share,
    }
    return (
        _(
            "From %(from)s (%(zone)s): %(online)s per online approval, %(offline)s per offline "
            "record, and %(share)s of each amount."
        )
        % told
    )


def _preview(merchant: Merchant, form: AgreementForm, now: datetime) -> str:
    """Return the sentence of what would be agreed, "" and an error where it would be refused."""
    if form.errors:
        return ""
    begins = _begins(merchant, form, now)
    if begins < now:
        form.add_error("begins", _("An agreement begins now or later."))
        return ""
    return sentence(Agreement(effective_from=begins, **form.terms()), merchant)


def _agree(request: HttpRequest, merchant: Merchant, form: AgreementForm, now: datetime) -> bool:
    try:
        agreements.agree(
            merchant=merchant,
            effective_from=_begins(merchant, form, now),
            **form.terms(),
            actor=actor_of(request),
            at=now,
        )
    except Refused as refusal:
        form_refused(form, refusal)
        return False
    return True


def _begins(merchant: Merchant, form: AgreementForm, now: datetime) -> datetime:
    """Return the first moment of the day that was typed, where the merchant is; now for none."""
    day = form.cleaned_data["begins"]
    if day is None:
        return now
    midnight = datetime.combine(day, time(), ZoneInfo(merchant.time_zone))
    return midnight.astimezone(UTC)


def _in_force(merchant: Merchant, now: datetime) -> datetime | None:
    """Return when what is in force now began."""
    begun = merchant.agreements.filter(effective_from__lte=now).order_by("-effective_from")
    return begun.values_list("effective_from", flat=True).first()


def _standing(agreement: Agreement, in_force: datetime | None) -> str:
    """Return whether it is ``ahead``, in ``force`` or ``past``."""
    if in_force is None or agreement.effective_from > in_force:
        return "ahead"
    return "force" if agreement.effective_from == in_force else "past"
