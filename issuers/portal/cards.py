"""Cards: the list, one card's account, phones and history, and a new card."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from config import money
from config.people.access import actor_of, right_required
from config.portal import filters, sheets
from config.refusals import Refused
from config.roles import Right
from issuers.models import Account, Card, Credential
from issuers.portal import toasts, words
from issuers.portal.forms import BlockForm, IssueForm, show_refusal
from issuers.portal.ordering import in_order
from issuers.portal.places import card_for, issuer_for, offers
from issuers.portal.sheets import CARDS
from issuers.selectors.authors import authors_of
from issuers.selectors.debts import open_debt
from settlement.services import openings
from wallets.selectors.holders import Dossier, cards_found, dossier_of, names_of

SORTS = {"card": "last4", "issued": "issued_at"}
VIEWS = {
    "all": Q(),
    "active": Q(state=Card.State.ACTIVE),
    "blocked": Q(state=Card.State.BLOCKED),
    "frozen": Q(state=Card.State.ACTIVE, frozen_by_owner_at__isnull=False),
    "closed": Q(state=Card.State.CLOSED),
}


@right_required(Right.SEE_CARDS)
@require_GET
def card_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    view = filters.view_of(request, VIEWS)
    asked = request.GET.get("q", "")
    named = {programme.reference: programme.name for programme in row.programmes.order_by("name")}
    rows = Card.objects.filter(VIEWS[view], issuer=row).select_related("programme", "account")
    if request.GET.get("programme", "") in named:
        rows = rows.filter(programme__reference=request.GET["programme"])
    if sheets.wanted(request):
        return sheets.download(
            request, name="cards", rows=cards_found(cards=rows, typed=asked), sheet=CARDS
        )
    page = in_order(
        rows=cards_found(cards=rows, typed=asked),
        whole=Card.objects.filter(issuer=row),
        request=request,
        sorts=SORTS,
    )
    names = names_of(references={card.account.holder for card in page.rows})
    labels = {
        "all": _("All"),
        "active": _("Active"),
        "blocked": _("Blocked"),
        "frozen": _("Frozen by owner"),
        "closed": _("Closed"),
    }
    chosen, values = {"programme": _("Programme")}, {"programme": named}
    context = {
        "issuer": row,
        "page": page,
        "lines": [
            {
                "card": card,
                "mark": words.of_card(card),
                "kind": words.kinds()[card.programme.kind],
                "holder": names.get(card.account.holder, card.account.holder),
            }
            for card in page.rows
        ],
        "tabs": filters.tabs(request, labels=labels, current=view),
        "chips": filters.chips_of(request, names=chosen, values=values),
        "offers": filters.offers_of(request, names=chosen, values=values),
        "asked": asked,
        "kept": filters.kept(request, "view", "sort", "programme"),
        "may_issue": offers(request, Right.ISSUE_CARDS),
    }
    return render(request, "issuers/card_list.html", context)


@right_required(Right.SEE_CARDS)
@require_GET
def card_page(request: HttpRequest, issuer: str, card: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    held = card_for(row, card)
    dossier = dossier_of(card=held)
    at = timezone.now()
    context = {
        "issuer": row,
        "card": held,
        "account": held.account,
        "mark": words.of_card(held),
        "kind": words.kinds()[held.programme.kind],
        "dossier": dossier,
        "position": _position(held.account),
        "debt": open_debt(account=held.account),
        "carried": [
            _on_phone(credential, at)
            for credential in dossier.credentials
            if credential.state == Credential.State.ACTIVE
        ],
        "replaced": [
            credential
            for credential in dossier.credentials
            if credential.state == Credential.State.RETIRED
        ],
        "commands": _told(dossier),
        "entries": _listings(dossier),
        "block_form": BlockForm(auto_id="block-%s"),
        "may_block": offers(request, Right.BLOCK_CARDS),
        "may_limit": offers(request, Right.ISSUE_CARDS),
        "may_close": offers(request, Right.ISSUE_CARDS) and held.state != Card.State.CLOSED,
        "toast": toasts.told(request),
    }
    return render(request, "issuers/card.html", context)


@right_required(Right.ISSUE_CARDS)
@require_http_methods(["GET", "POST"])
def card_issue(request: HttpRequest, issuer: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.ISSUE_CARDS)
    initial = {"holder": request.GET.get("customer", "")}
    form = IssueForm(request.POST or None, issuer=row, initial=initial)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            made = openings.issue_card(
                programme=told["programme"],
                holder=told["holder"],
                balance_minor=told["balance"],
                limit_minor=told["limit"],
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Card •••• %(card)s is issued.") % {"card": made.last4})
            return redirect("card", issuer=row.reference, card=made.reference)
    return render(request, "issuers/card_issue.html", {"issuer": row, "form": form})


def _position(account: Account) -> dict[str, Any]:
    """Return the account's position as lines of money and one bar: what is left of what there was.

    What was spent beyond it is a debt, and no part of it.
    """
    currency, available = account.currency, account.available_minor
    whole = max(account.limit_minor + account.balance_minor, 0)
    tone = "bad" if available < 0 else "warn" if available * 10 < whole else ""
    lines = [
        (_("Balance"), money.text(account.balance_minor, currency)),
        (_("Held for payments under way"), money.text(-account.held_minor, currency)),
        (_("Set aside for offline payments"), money.text(-account.offline_reserve_minor, currency)),
    ]
    if account.limit_minor:
        lines.insert(0, (_("Credit limit"), money.text(account.limit_minor, currency)))
    return {
        "lines": lines,
        "total": (
            _("Available, %(currency)s") % {"currency": currency},
            money.text(available, currency),
        ),
        "left": _("%(amount)s left") % {"amount": money.text(max(available, 0), currency)},
        "of": _("of %(amount)s %(currency)s")
        % {"amount": money.text(whole, currency), "currency": currency},
        "value": min(max(available, 0), whole),
        "max": max(whole, 1),
        "tone": tone,
    }


def _on_phone(credential: Credential, at: datetime) -> dict[str, Any]:
    """Return a credential with the counters its phone last stated, as shares of its limits."""
    counter = getattr(credential, "shadow_counter", None)
    currency, cap = credential.card.account.currency, credential.cumulative_cap_minor
    left = max(cap - (counter.amount_minor if counter else 0), 0)
    most = credential.profile.upper_uses
    uses_left = max(most - (counter.uses if counter else 0), 0)
    return {
        "credential": credential,
        "mark": words.of_credential(credential, at=at),
        "counter": counter,
        "left_minor": left,
        "left": _("%(amount)s left offline") % {"amount": money.text(left, currency)},
        "of": _("of %(amount)s %(currency)s")
        % {"amount": money.text(cap, currency), "currency": currency},
        "tone": "warn" if left * 10 < cap else "",
        "uses_left": uses_left,
        "uses_words": _("%(count)s uses left") % {"count": uses_left},
        "uses_of": _("of %(count)s") % {"count": most},
        "uses_tone": "warn" if counter and counter.uses >= credential.profile.lower_uses else "",
    }


def _told(dossier: Dossier) -> list[dict[str, Any]]:
    """Return the commands as a timeline, newest first."""
    actions = words.actions()
    events = []
    for command in dossier.commands:
        mark = words.of_delivery(command.state)
        event = {
            "tone": mark.tone,
            "what": f"{actions[command.action]}, {mark.label.lower()}",
            "who": _("to %(phone)s") % {"phone": command.device.name},
            "at": command.applied_at or command.sent_at or command.created_at,
            "detail": _("Version %(version)s of this card. Tries: %(tries)s.")
            % {"version": command.version, "tries": command.attempts},
        }
        events.append(event)
    return events


def _listings(dossier: Dossier) -> list[dict[str, Any]]:
    """Return the blacklist history as a timeline, newest first: each listing and its end."""
    authors = authors_of(
        names=[name for entry in dossier.entries for name in (entry.listed_by, entry.lifted_by)]
    )
    events = []
    for entry in dossier.entries:
        if entry.lifted_at:
            by = _("by %(name)s") % {"name": authors.get(entry.lifted_by, "")}
            events.append(
                {"tone": "neutral", "what": _("Lifted"), "who": by, "at": entry.lifted_at}
            )
        by = _("by %(name)s") % {"name": authors.get(entry.listed_by, "")}
        what = _("Listed: %(reason)s") % {"reason": words.why_listed(entry)}
        events.append(
            {"tone": "bad", "what": what, "who": by, "at": entry.listed_at, "detail": entry.note}
        )
    return events
