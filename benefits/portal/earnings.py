"""Earning rules of a merchant: the list, one rule tried with a payment, added and ended."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from benefits.models import Definition, Earning, Sponsor
from benefits.portal import earning_words
from benefits.portal.earning_forms import EarningForm, SampleForm
from benefits.portal.places import offers, owner_for
from benefits.portal.sheets import EARNINGS
from benefits.selectors import campaigns, earning_rules
from benefits.selectors.campaigns import Owner
from benefits.selectors.earning_rules import Phase, earns_of, phase_of
from benefits.services import earning_rules as keeping
from benefits.services.earning_rules import EarningTerms
from config.paging import newest_first
from config.people.access import actor_of, right_required
from config.portal import sheets
from config.refusals import NotFound, Refused
from config.roles import Right
from merchants.models import Merchant


@right_required(Right.SEE_BENEFITS)
@require_safe
def earning_list(request: HttpRequest, owner: str) -> HttpResponseBase:
    """List the rules by which customers earn at a merchant, newest first."""
    who = _merchant_for(request, owner, Right.SEE_BENEFITS)
    now = timezone.now()
    rows = earning_rules.rules_at(merchant=who.reference)
    if sheets.wanted(request):
        return sheets.download(request, name=f"earnings-{who.reference}", rows=rows, sheet=EARNINGS)
    page = newest_first(rows=rows, request=request)
    context = {
        "owner": who,
        "page": page,
        "listed": [
            (
                each,
                earning_words.LOOKS[phase_of(rule=each, at=now)],
                earning_words.earning(earns=earns_of(rule=each), gives=each.gives),
            )
            for each in page.rows
        ],
        "edits": offers(request, Right.EDIT_BENEFITS),
    }
    return render(request, "benefits/earning_list.html", context)


@right_required(Right.SEE_BENEFITS)
@require_safe
def earning(request: HttpRequest, owner: str, rule: str) -> HttpResponse:
    """Show one rule as sentences, what it gives of a payment, and what it has given so far."""
    who = _merchant_for(request, owner, Right.SEE_BENEFITS)
    row, now = _rule_for(who, rule), timezone.now()
    earns = earns_of(rule=row)
    phase = phase_of(rule=row, at=now)
    form = SampleForm(request.GET if "amount" in request.GET else None, currency=row.gives.currency)
    context = {
        "owner": who,
        "rule": row,
        "look": earning_words.LOOKS[phase],
        "says": earning_words.earning(earns=earns, gives=row.gives),
        "rules": _sentences(_terms_of(row), row.gives, who, now),
        "given": earning_rules.given_by(rule=row),
        "form": form,
        "tried": earning_words.tried(
            earns=earns, gives=row.gives, paid_minor=form.cleaned_data["amount"]
        )
        if form.is_valid()
        else "",
        "ends": phase != Phase.ENDED and offers(request, Right.EDIT_BENEFITS),
    }
    return render(request, "benefits/earning.html", context)


@right_required(Right.EDIT_BENEFITS)
@require_http_methods(["GET", "POST"])
def earning_add(request: HttpRequest, owner: str) -> HttpResponse:
    """Add a rule; it is never changed, but ended and followed by another."""
    who = _merchant_for(request, owner, Right.EDIT_BENEFITS)
    now = timezone.now()
    form = _form(request, who, now)
    if request.method == "POST" and form.is_valid() and (made := _added(request, form, now)):
        messages.success(request, _("Customers earn by it from its first moment on."))
        return redirect("earning", owner=who.reference, rule=made.reference)
    context = {"owner": who, "form": form, **_read_back(form, who, now)}
    return render(
        request, "benefits/earning_form.html", context, status=422 if form.errors else 200
    )


@right_required(Right.EDIT_BENEFITS)
@require_POST
def earning_reads(request: HttpRequest, owner: str) -> HttpResponse:
    """Answer what is typed so far as sentences, and tried; nothing is saved."""
    who = _merchant_for(request, owner, Right.EDIT_BENEFITS)
    now = timezone.now()
    return render(
        request, "benefits/earning_reads.html", _read_back(_form(request, who, now), who, now)
    )


@right_required(Right.EDIT_BENEFITS)
@require_POST
def earning_end(request: HttpRequest, owner: str, rule: str) -> HttpResponse:
    """End a rule now."""
    who = _merchant_for(request, owner, Right.EDIT_BENEFITS)
    row = _rule_for(who, rule)
    try:
        keeping.end(rule=row, actor=actor_of(request), at=timezone.now())
    except Refused as refusal:
        messages.error(request, _(refusal.title))
    else:
        messages.success(request, _("Ended: what is paid from now on earns nothing by it."))
    return redirect("earning", owner=who.reference, rule=row.reference)


def _merchant_for(request: HttpRequest, reference: str, right: Right) -> Owner:
    """Return the merchant of the address; customers earn at merchants alone.

    :raises NotFound: it is an issuer or a brand, or not the person's
    """
    who = owner_for(request, reference, right)
    if who.kind != Sponsor.Kind.MERCHANT:
        raise NotFound
    return who


def _rule_for(owner: Owner, reference: str) -> Earning:
    rows = earning_rules.rules_at(merchant=owner.reference)
    return get_object_or_404(rows, reference=reference)


def _form(request: HttpRequest, owner: Owner, now: datetime) -> EarningForm:
    return EarningForm(
        request.POST if request.method == "POST" else None,
        merchant=Merchant.objects.get(reference=owner.reference),
        at=now,
    )


def _added(request: HttpRequest, form: EarningForm, now: datetime) -> Earning | None:
    """Return the rule; None where the domain refuses it, with the fault in ``form``."""
    try:
        return keeping.add(
            merchant=form.merchant,
            gives=form.cleaned_data["gives"],
            terms=form.terms(),
            actor=actor_of(request),
            at=now,
        )
    except Refused as refusal:
        form.add_error(None, _(refusal.title))
        return None


def _read_back(form: EarningForm, owner: Owner, now: datetime) -> dict[str, Any]:
    """Return what a form that was sent says, and gives of its sample; what is to be mended."""
    if not form.is_bound or not form.is_valid():
        labels = [str(form.fields[name].label) for name in form.errors if name in form.fields]
        return {"rules": [], "faults": labels, "tried": ""}
    said, gives = form.cleaned_data, form.cleaned_data["gives"]
    sample = said["sample"]
    return {
        "rules": _sentences(form.terms(), gives, owner, now),
        "faults": [],
        "tried": earning_words.tried(earns=form.earns(), gives=gives, paid_minor=sample)
        if sample
        else "",
    }


def _sentences(terms: EarningTerms, gives: Definition, owner: Owner, now: datetime) -> list[str]:
    payers = campaigns.payers_of(definitions=[gives]).get(gives.pk, [])
    return earning_words.of(terms=terms, gives=gives, payers=payers, zone=owner.time_zone, at=now)


def _terms_of(rule: Earning) -> EarningTerms:
    return EarningTerms(
        earns=earns_of(rule=rule),
        starts_at=rule.starts_at,
        ends_at=rule.ended_at,
        lot_days=rule.lot_days,
    )
