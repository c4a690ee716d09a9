"""The editor of drafts: what is typed, read back as sentences beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from benefits.models import Definition, Sponsor
from benefits.portal import sentences
from benefits.portal.drafting import form_for
from benefits.portal.forms import CampaignForm
from benefits.portal.places import campaign_for, led_by, owner_for
from benefits.rules.vocabulary import WHOLE_BPS
from benefits.selectors import campaigns
from benefits.selectors.campaigns import Owner
from benefits.services import campaigns as keeping
from benefits.services import catalogue
from benefits.services.campaigns import NoDraft, NotItsKeeper
from config.people.access import actor_of, right_required
from config.refusals import Refused
from config.roles import Right

GROUPS = (
    (gettext_lazy("What it is"), ("name", "kind", "currency", "percent", "amount", "cap")),
    (
        gettext_lazy("Where, and on what"),
        ("merchants", "stores", "skus", "units_most", "min_purchase"),
    ),
    (gettext_lazy("When"), ("begins", "ends", "valid_days", "grace_days")),
    (gettext_lazy("How often, and how much in all"), ("uses_each", "uses_in_all", "budget")),
    (gettext_lazy("Cards of a card discount"), ("programmes",)),
    (gettext_lazy("How points are spent"), ("min_spend", "step")),
    (
        gettext_lazy("Beside other campaigns"),
        ("stack_group", "excluded_kinds", "excluded_definitions", "priority"),
    ),
    (gettext_lazy("Who pays"), ("partner", "partner_share")),
)
FOLDED = {"programmes", "min_spend", "stack_group"}  # groups that begin so
AMOUNTS = ("amount", "cap", "min_purchase", "budget", "min_spend", "step")
PERCENTS = ("percent", "partner_share")
SHORT = (
    *("units_most", "valid_days", "grace_days", "uses_each", "uses_in_all", "priority"),
    *("begins", "ends"),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under one heading; what most campaigns do without is folded until it is used."""

    title: Any
    fields: list[tuple[BoundField, str]]
    folded: bool
    is_open: bool


@right_required(Right.EDIT_BENEFITS)
@require_http_methods(["GET", "POST"])
def campaign_add(request: HttpRequest, owner: str) -> HttpResponse:
    """Draft a campaign; nobody sees it before it is published."""
    who = owner_for(request, owner, Right.EDIT_BENEFITS)
    form = form_for(request, who, None)
    if made := _saved(request, form, keeping.draft):
        messages.success(request, _("Draft saved. Try it on a basket, then publish it."))
        return redirect("campaign", owner=who.reference, campaign=made.reference)
    return _page(request, who, None, form)


@right_required(Right.EDIT_BENEFITS)
@require_http_methods(["GET", "POST"])
def campaign_edit(request: HttpRequest, owner: str, campaign: str) -> HttpResponse:
    """Write a draft anew; what was published stays as it is."""
    who = owner_for(request, owner, Right.EDIT_BENEFITS)
    row = campaign_for(who, campaign)
    if not led_by(who, row):
        raise NotItsKeeper
    if row.state != Definition.State.DRAFT:
        raise NoDraft
    form = form_for(request, who, row)
    if _saved(request, form, partial(keeping.redraft, definition=row)):
        messages.success(request, _("Draft saved."))
        return redirect("campaign", owner=who.reference, campaign=row.reference)
    return _page(request, who, row, form)


def _saved(
    request: HttpRequest, form: CampaignForm, save: Callable[..., Definition]
) -> Definition | None:
    """Return what ``save`` made of a form that was sent; None for none, or with faults in it."""
    if not form.is_bound or not form.is_valid():
        return None
    try:
        return save(
            owner=form.owner,
            terms=form.terms(),
            partner=form.shared_with,
            actor=actor_of(request),
            at=timezone.now(),
        )
    except Refused as refusal:
        form.add_error(None, refusal.detail)
        return None


@right_required(Right.EDIT_BENEFITS)
@require_POST
def campaign_reads(request: HttpRequest, owner: str) -> HttpResponse:
    """Answer what is typed so far as sentences; nothing is saved."""
    who = owner_for(request, owner, Right.EDIT_BENEFITS)
    form = form_for(request, who, None)
    context = {"rules": _read_back(who, form), "faults": _faults(form)}
    return render(request, "benefits/reads.html", context)


def _page(
    request: HttpRequest, owner: Owner, row: Definition | None, form: CampaignForm
) -> HttpResponse:
    shared = row is not None and "partner" not in form.fields and row.shares.count() > 1
    context: dict[str, Any] = {
        "owner": owner,
        "campaign": row,
        "form": form,
        "groups": _groups(form),
        "rules": _read_back(owner, form) if form.is_bound else [],
        "faults": _faults(form),
        "shared": shared,
    }
    return render(
        request, "benefits/campaign_form.html", context, status=422 if form.errors else 200
    )


def _groups(form: CampaignForm) -> list[Group]:
    found = []
    for title, names in GROUPS:
        bound = [form[name] for name in names if name in form.fields]
        used = any(each.value() not in (None, "", [], 0, "0") or each.errors for each in bound)
        fields = [(each, _unit(each.name, form)) for each in bound]
        if fields:
            found.append(Group(title, fields, names[0] in FOLDED, used))
    return found


def _unit(name: str, form: CampaignForm) -> str:
    if name in form.searched:
        return "searched"
    if name in AMOUNTS:
        return form.unit
    return "%" if name in PERCENTS else "short" if name in SHORT else ""


def _faults(form: CampaignForm) -> list[str]:
    return [str(form.fields[name].label) for name in form.errors if name in form.fields]


def _read_back(owner: Owner, form: CampaignForm) -> list[str]:
    if not form.is_valid():
        return []
    definition = Definition(**catalogue.columns(terms=form.terms()))
    return sentences.of(
        definition=definition,
        names=campaigns.names_in(definition=definition),
        payers=_payers(owner, form),
        zone=owner.time_zone,
    )


def _payers(owner: Owner, form: CampaignForm) -> list[tuple[str, int]]:
    if form.shared_with is None:
        return [(owner.name, WHOLE_BPS)]
    reference, bps = form.shared_with
    name = Sponsor.objects.values_list("name", flat=True).get(reference=reference)
    return [(owner.name, WHOLE_BPS - bps), (name, bps)]
