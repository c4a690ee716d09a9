"""Campaigns: whose there are, the list of one sponsor, one campaign with its test basket, acts."""

from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from benefits.models import Definition
from benefits.portal import sentences, words
from benefits.portal.basket import basket_context
from benefits.portal.places import campaign_for, led_by, offers, owner_for
from benefits.portal.sheets import CAMPAIGNS, SPONSORS
from benefits.rules.vocabulary import Kind
from benefits.selectors import campaigns, trials
from benefits.selectors.campaigns import Owner
from benefits.selectors.redemptions import Budget
from benefits.services import campaigns as keeping
from config import money
from config.paging import newest_first
from config.people.access import actor_of, require, right_required
from config.portal import filters, sheets
from config.refusals import Forbidden, Refused
from config.roles import Right, TenantKind

_State = Definition.State
VIEWS: Final = {
    "all": gettext_lazy("All"),
    "out": gettext_lazy("Out"),
    "drafts": gettext_lazy("Drafts"),
    "paused": gettext_lazy("Paused"),
    "ended": gettext_lazy("Ended"),
}
_STATES: Final = {
    "out": _State.PUBLISHED,
    "drafts": _State.DRAFT,
    "paused": _State.PAUSED,
    "ended": _State.ENDED,
}


@right_required(Right.SEE_BENEFITS)
@require_safe
def sponsor_list(request: HttpRequest) -> HttpResponseBase:
    """List all sponsors, for the platform; others have their own pages."""
    membership = require(request=request, right=Right.SEE_BENEFITS)
    if membership.tenant_kind != TenantKind.PLATFORM:
        raise Forbidden(_("This page belongs to the platform."))
    asked = filters.typed(request, "q")
    rows = campaigns.sponsors_seen()
    if asked:
        rows = rows.filter(name__icontains=asked)
    if sheets.wanted(request):
        return sheets.download(request, name="sponsors", rows=rows, sheet=SPONSORS)
    page = newest_first(rows=rows, request=request)
    return render(request, "benefits/sponsor_list.html", {"page": page, "asked": asked})


@right_required(Right.SEE_BENEFITS)
@require_safe
def campaign_list(request: HttpRequest, owner: str) -> HttpResponseBase:
    """List the campaigns that a sponsor bears a part of, newest first."""
    who = owner_for(request, owner, Right.SEE_BENEFITS)
    view, asked = filters.view_of(request, VIEWS), filters.typed(request, "q")
    rows = campaigns.campaigns_of(owner=who.reference)
    if view in _STATES:
        rows = rows.filter(state=_STATES[view])
    if asked:
        rows = rows.filter(name__icontains=asked)
    if sheets.wanted(request):
        return sheets.download(
            request, name=f"campaigns-{who.reference}", rows=rows, sheet=CAMPAIGNS
        )
    page = newest_first(rows=rows, request=request)
    budgets = campaigns.budgets_of(definitions=page.rows)
    context = {
        "owner": who,
        "page": page,
        "listed": [
            (each, words.CAMPAIGN_LOOKS[_State(each.state)], _line(each), budgets[each.pk])
            for each in page.rows
        ],
        "tabs": filters.tabs(request, labels=VIEWS, current=view),
        "asked": asked,
        "kept": filters.kept(request, "view"),
        "edits": offers(request, Right.EDIT_BENEFITS),
    }
    return render(request, "benefits/campaign_list.html", context)


def _line(definition: Definition) -> str:
    return f"{words.KINDS[Kind(definition.kind)]}. {sentences.worth(definition=definition)}"


@right_required(Right.SEE_BENEFITS)
@require_safe
def campaign(request: HttpRequest, owner: str, campaign: str) -> HttpResponse:
    """Show one campaign: its rules as sentences, a basket to try it on, clashes, what is used."""
    who = owner_for(request, owner, Right.SEE_BENEFITS)
    row = campaign_for(who, campaign)
    now = timezone.now()
    payers = campaigns.payers_of(definitions=[row]).get(row.pk, [])
    leads = led_by(who, row)
    context: dict[str, Any] = {
        "owner": who,
        "campaign": row,
        "look": words.CAMPAIGN_LOOKS[_State(row.state)],
        "kind": words.KINDS[Kind(row.kind)],
        "rules": sentences.of(
            definition=row,
            names=campaigns.names_in(definition=row),
            payers=payers,
            zone=who.time_zone,
        ),
        "clashes": trials.clashes_with(definition=row, owner=who.reference, at=now),
        "leads": leads,
        "edits": leads and offers(request, Right.EDIT_BENEFITS),
        "held": campaigns.held_of(definition=row),
        "bars": bars(row, campaigns.budgets_of(definitions=[row])[row.pk], payers),
    }
    return render(request, "benefits/campaign.html", context | basket_context(request, who, row))


def bars(
    definition: Definition, budget: Budget, payers: list[tuple[str, int]]
) -> list[dict[str, Any]]:
    """Return what of money and of uses is taken, as bars (``components/limit.html``)."""
    paid = ", ".join(f"{name} {words.percent(bps)}" for name, bps in payers)
    found = []
    if budget.size_minor is not None:
        taken, size = (
            money.text(each, definition.currency)
            for each in (budget.taken_minor, budget.size_minor)
        )
        told = {"taken": taken, "size": size, "currency": definition.currency}
        words_of_it = _("%(taken)s of %(size)s %(currency)s used") % told
        found.append(_bar(words_of_it, budget.taken_minor, budget.size_minor))
    if budget.size_uses is not None:
        told = {"taken": f"{budget.taken_uses:,}", "size": f"{budget.size_uses:,}"}
        found.append(
            _bar(_("%(taken)s of %(size)s uses") % told, budget.taken_uses, budget.size_uses)
        )
    if found:
        found[-1]["note"] = _("Paid by %(payers)s.") % {"payers": paid}
    return found


def _bar(left: str, value: int, most: int) -> dict[str, Any]:
    tone = "bad" if value >= most else "warn" if value * 10 >= most * 8 else ""
    of = _("spent: it has stopped") if value >= most else _("stops by itself at the end")
    return {"left": left, "of": of, "value": value, "max": most, "tone": tone, "note": ""}


@right_required(Right.EDIT_BENEFITS)
@require_POST
def campaign_act(request: HttpRequest, owner: str, campaign: str, act: str) -> HttpResponse:
    """Publish a draft that was tried, pause, resume or end a campaign."""
    if act not in _DONE:
        raise Http404
    who = owner_for(request, owner, Right.EDIT_BENEFITS)
    row = campaign_for(who, campaign)
    try:
        _do(request, who, row, act)
    except Forbidden:
        raise
    except Refused as refusal:
        messages.error(request, _(refusal.title))
    else:
        messages.success(request, str(_DONE[act]))
    return redirect("campaign", owner=who.reference, campaign=row.reference)


_DONE: Final = {
    "publish": gettext_lazy("It is out: it can be granted, and counts at the next till."),
    "pause": gettext_lazy("Paused: none is granted and none counts until it goes on."),
    "resume": gettext_lazy("It goes on."),
    "end": gettext_lazy("Ended for good. What was at a till already goes on."),
}


def _do(request: HttpRequest, who: Owner, row: Definition, act: str) -> None:
    actor, at = actor_of(request), timezone.now()
    if act == "publish":
        seen = request.POST.get("previewed", "")
        keeping.publish(definition=row, owner=who, previewed=seen, actor=actor, at=at)
    else:
        acts = {"pause": keeping.pause, "resume": keeping.resume, "end": keeping.end}
        acts[act](definition=row, owner=who, actor=actor, at=at)
