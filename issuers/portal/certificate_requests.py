"""Phones that ask for cards whose programme has staff agree first: who, which card, which key."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.devices import fingerprint
from config.people.access import actor_of, right_required
from config.portal import filters, sheets
from config.refusals import Refused
from config.roles import Right
from issuers.models import CertificateRequest, Issuer
from issuers.portal import toasts, words
from issuers.portal.forms import show_refusal
from issuers.portal.ordering import in_order
from issuers.portal.places import issuer_for, offers
from issuers.portal.sheets import CERTIFICATE_REQUESTS
from issuers.portal.taking_off import ReasonForm
from issuers.services import certificate_requests
from wallets.selectors.holders import names_of

SORTS = {"asked": "requested_at"}
_State = CertificateRequest.State
VIEWS = {
    "waiting": Q(state=_State.PENDING),
    "agreed": Q(state__in=[_State.AGREED, _State.DONE]),
    "refused": Q(state=_State.REFUSED),
    "all": Q(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A request as the list shows it; ``key``: what people compare the phone's key by."""

    request: CertificateRequest
    mark: words.Mark
    card: words.Mark
    holder: str
    key: str
    waits: bool


@right_required(Right.SEE_CARDS)
@require_GET
def request_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    view = filters.view_of(request, VIEWS)
    whole = CertificateRequest.objects.filter(issuer=row)
    rows = whole.filter(VIEWS[view]).select_related("card__account", "card__programme", "device")
    if sheets.wanted(request):
        return sheets.download(
            request, name="certificate-requests", rows=rows, sheet=CERTIFICATE_REQUESTS
        )
    # The longest waiting comes first, where something waits.
    default = "id" if view == "waiting" else "-id"
    page = in_order(rows=rows, whole=whole, request=request, sorts=SORTS, default=default)
    counts = whole.aggregate(**{name: Count("pk", filter=which) for name, which in VIEWS.items()})
    labels = {
        "waiting": _("Waiting"),
        "agreed": _("Agreed"),
        "refused": _("Refused"),
        "all": _("All"),
    }
    context = {
        "issuer": row,
        "page": page,
        "lines": _lines(page.rows),
        "tabs": filters.tabs(request, labels=labels, current=view, counts=counts),
        "counts": counts,
        "order": "asked" if view == "waiting" else "-asked",
        "may_decide": offers(request, Right.ISSUE_CARDS),
        "toast": toasts.told(request),
    }
    return render(request, "issuers/certificate_request_list.html", context)


@right_required(Right.ISSUE_CARDS)
@require_POST
def request_agree(request: HttpRequest, issuer: str, wish: int) -> HttpResponse:
    row = issuer_for(request, issuer, Right.ISSUE_CARDS)
    asked = _found(row, wish)
    try:
        certificate_requests.agree(request=asked, at=timezone.now(), actor=actor_of(request))
    except Refused as refusal:
        toasts.tell(request, _(refusal.detail))
    else:
        told = {"phone": asked.device.name, "card": asked.card.last4}
        toasts.tell(request, _("%(phone)s may carry card •••• %(card)s.") % told)
    return redirect("certificate-requests", issuer=row.reference)


@right_required(Right.ISSUE_CARDS)
@require_http_methods(["GET", "POST"])
def request_refuse(request: HttpRequest, issuer: str, wish: int) -> HttpResponse:
    row = issuer_for(request, issuer, Right.ISSUE_CARDS)
    asked = _found(row, wish)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            certificate_requests.refuse(
                request=asked,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            told = {"phone": asked.device.name, "card": asked.card.last4}
            toasts.tell(request, _("%(phone)s does not get card •••• %(card)s.") % told)
            return redirect("certificate-requests", issuer=row.reference)
    context = {"issuer": row, "form": form, "line": _lines([asked])[0]}
    return render(request, "issuers/certificate_request_refuse.html", context)


def _found(issuer: Issuer, wish: int) -> CertificateRequest:
    rows = CertificateRequest.objects.filter(issuer=issuer)
    return get_object_or_404(
        rows.select_related("issuer", "card__account", "card__programme", "device"), pk=wish
    )


def _lines(rows: Sequence[CertificateRequest]) -> list[Line]:
    names = names_of(references={row.card.account.holder for row in rows})
    marks = {
        _State.PENDING.value: words.Mark("info", _("Waiting")),
        _State.AGREED.value: words.Mark("ok", _("Agreed")),
        _State.DONE.value: words.Mark("ok", _("On the phone")),
        _State.REFUSED.value: words.Mark("bad", _("Refused")),
        _State.WITHDRAWN.value: words.Mark("neutral", _("Withdrawn")),
    }
    return [
        Line(
            request=row,
            mark=marks[row.state],
            card=words.of_card(row.card),
            holder=names.get(row.card.account.holder, row.card.account.holder),
            key=fingerprint(public_key=bytes(row.public_key))[:12],
            waits=row.state == _State.PENDING,
        )
        for row in rows
    ]
