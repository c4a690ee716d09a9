"""Programmes: card products, their terms, and their offline limits over time."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from config.paging import newest_first
from config.people.access import SignedInRequest, actor_of, right_required
from config.portal import sheets
from config.refusals import Refused
from config.roles import Right
from issuers import selectors
from issuers.models import Issuer, Programme
from issuers.portal import forms, words
from issuers.portal.places import issuer_for, offers
from issuers.portal.sheets import ISSUERS, PROGRAMMES, limits_in
from issuers.selectors import limits
from issuers.services import profiles, programmes

FIRST_CURRENCY = "KRW"


@right_required(Right.SEE_BLACKLIST)
@require_GET
def issuer_list(request: HttpRequest) -> HttpResponseBase:
    person = cast("SignedInRequest", request)
    rows = selectors.issuers_visible_to(person.user, Right.SEE_BLACKLIST)
    asked = request.GET.get("q", "").strip()
    if asked:
        rows = rows.filter(name__icontains=asked)
    if sheets.wanted(request):
        return sheets.download(request, name="issuers", rows=rows, sheet=ISSUERS)
    page = newest_first(rows=rows, request=request)
    return render(request, "issuers/issuer_list.html", {"page": page, "asked": asked})


@right_required(Right.SEE_CARDS)
@require_GET
def programme_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    asked = request.GET.get("q", "").strip()
    rows = row.programmes.filter(name__icontains=asked) if asked else row.programmes.all()
    if sheets.wanted(request):
        return sheets.download(request, name="programmes", rows=rows, sheet=PROGRAMMES)
    page = newest_first(rows=rows, request=request)
    in_force = limits.in_force_of(programmes=page.rows, at=timezone.now())
    context = {
        "issuer": row,
        "page": page,
        "asked": asked,
        "lines": [
            {
                "programme": programme,
                "kind": words.kinds()[programme.kind],
                "rule": words.rules()[programme.certificate_rule],
                "limits": in_force.get(programme.pk),
            }
            for programme in page.rows
        ],
        "may_edit": offers(request, Right.EDIT_PROGRAMMES),
    }
    return render(request, "issuers/programme_list.html", context)


@right_required(Right.SEE_CARDS)
@require_GET
def programme_page(request: HttpRequest, issuer: str, programme: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    held = _programme(row, programme)
    at = timezone.now()
    if sheets.wanted(request):
        return sheets.download(
            request, name=held.reference, rows=held.profiles.all(), sheet=limits_in(held.currency)
        )
    page = newest_first(rows=held.profiles.all(), request=request)
    current = limits.in_force_of(programmes=[held], at=at).get(held.pk)
    context = {
        "issuer": row,
        "programme": held,
        "kind": words.kinds()[held.kind],
        "rule": words.rules()[held.certificate_rule],
        "page": page,
        "current": current,
        "lines": [(profile, _standing(profile, current, at)) for profile in page.rows],
        "velocity_minutes": held.velocity_window_s // 60,
        "may_edit": offers(request, Right.EDIT_PROGRAMMES),
    }
    return render(request, "issuers/programme.html", context)


@right_required(Right.EDIT_PROGRAMMES)
@require_http_methods(["GET", "POST"])
def programme_add(request: HttpRequest, issuer: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.EDIT_PROGRAMMES)
    form = forms.NewProgrammeForm(request.POST or None, initial=forms.first_limits(FIRST_CURRENCY))
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            made = programmes.add(
                issuer=row,
                kind=told["kind"],
                currency=told["currency"],
                caps=form.caps(),
                online=form.online(),
                **_terms(told),
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            forms.show_refusal(form, refusal)
        else:
            messages.success(request, _("Programme added."))
            return redirect("programme", issuer=row.reference, programme=made.reference)
    return render(request, "issuers/programme_add.html", {"issuer": row, "form": form})


@right_required(Right.EDIT_PROGRAMMES)
@require_http_methods(["GET", "POST"])
def programme_edit(request: HttpRequest, issuer: str, programme: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.EDIT_PROGRAMMES)
    held = _programme(row, programme)
    form = forms.ProgrammeForm(
        request.POST or None,
        initial=_terms(vars(held)) | forms.online_limits(held),
        currency=held.currency,
    )
    if request.method == "POST" and form.is_valid():
        try:
            programmes.edit(
                programme=held,
                **_terms(form.cleaned_data),
                online=form.online(),
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            forms.show_refusal(form, refusal)
        else:
            messages.success(request, _("Programme saved."))
            return redirect("programme", issuer=row.reference, programme=held.reference)
    context = {"issuer": row, "programme": held, "form": form}
    return render(request, "issuers/programme_edit.html", context)


@right_required(Right.EDIT_PROGRAMMES)
@require_http_methods(["GET", "POST"])
def limits_change(request: HttpRequest, issuer: str, programme: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.EDIT_PROGRAMMES)
    held = _programme(row, programme)
    at = timezone.now()
    newest = held.profiles.order_by("-version").first()
    initial = forms.next_limits(newest, held.currency) if newest else {}
    form = forms.LimitsForm(request.POST or None, programme=held, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = profiles.change(
                programme=held,
                effective_from=form.begins_at(at),
                caps=form.caps(),
                at=at,
                actor=actor_of(request),
            )
        except Refused as refusal:
            forms.show_refusal(form, refusal)
        else:
            told = {"version": made.version}
            messages.success(request, _("Version %(version)s of the limits is saved.") % told)
            return redirect("programme", issuer=row.reference, programme=held.reference)
    context = {"issuer": row, "programme": held, "newest": newest, "form": form}
    return render(request, "issuers/limits_change.html", context)


def _programme(issuer: Issuer, reference: str) -> Programme:
    rows = Programme.objects.select_related("issuer")
    return get_object_or_404(rows, issuer=issuer, reference=reference)


def _terms(told: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "certificate_rule", "certificate_days", "reset_on_posting", "list_on_debt")
    return {name: told[name] for name in names}


def _standing(profile: Any, current: Any, at: Any) -> words.Mark:
    if current is not None and profile.pk == current.pk:
        return words.Mark("ok", _("In force"))
    if profile.effective_from > at:
        return words.Mark("info", _("To come"))
    return words.Mark("neutral", _("Past"))
