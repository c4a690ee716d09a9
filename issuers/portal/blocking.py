"""A card goes on the list or comes off it: found, confirmed with a reason, done and published."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from config.people.access import actor_of, right_required
from config.refusals import Refused
from config.roles import Right
from issuers.models import Card, Issuer
from issuers.portal import toasts, words
from issuers.portal.forms import BlockForm, UnblockForm, show_refusal
from issuers.portal.places import card_for, issuer_for
from issuers.selectors import coverage, listings
from issuers.services import blacklist
from wallets.selectors.holders import cards_found, names_of

FOUND_AT_MOST = 20


@right_required(Right.BLOCK_CARDS)
@require_GET
def card_find(request: HttpRequest, issuer: str) -> HttpResponse:
    """Find the card to block; each one found comes with its own question."""
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    asked = request.GET.get("q", "").strip()
    cards = Card.objects.filter(issuer=row).select_related("programme", "account")
    found = list(cards_found(cards=cards, typed=asked).order_by("-id")[: FOUND_AT_MOST + 1])
    names = names_of(references={card.account.holder for card in found})
    context = {
        "issuer": row,
        "asked": asked,
        "more": len(found) > FOUND_AT_MOST,
        "at_most": FOUND_AT_MOST,
        "lines": [
            {
                "card": card,
                "mark": words.of_card(card),
                "kind": words.kinds()[card.programme.kind],
                "holder": names.get(card.account.holder, card.account.holder),
                "form": BlockForm(auto_id=f"block{card.pk}-%s"),
            }
            for card in (found[:FOUND_AT_MOST] if asked else [])
        ],
    }
    return render(request, "issuers/card_find.html", context)


@right_required(Right.BLOCK_CARDS)
@require_http_methods(["GET", "POST"])
def card_block(request: HttpRequest, issuer: str, card: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    held = card_for(row, card)
    form = BlockForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            done = blacklist.block_and_publish(
                card=held,
                reason=form.cleaned_data["reason"],
                note=form.cleaned_data["note"],
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            undo = reverse("card-unblock", args=[row.reference, held.reference])
            toasts.tell(request, _blocked(held, done), undo=undo)
            return redirect("blacklist", issuer=row.reference)
    return render(request, "issuers/card_block.html", _asking(row, held) | {"form": form})


@right_required(Right.BLOCK_CARDS)
@require_http_methods(["GET", "POST"])
def card_unblock(request: HttpRequest, issuer: str, card: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    held = card_for(row, card)
    form = UnblockForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            done = blacklist.unblock_and_publish(
                card=held,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            toasts.tell(request, _unblocked(held, done))
            return redirect("blacklist", issuer=row.reference)
    return render(request, "issuers/card_unblock.html", _asking(row, held) | {"form": form})


def _asking(issuer: Issuer, card: Card) -> dict[str, object]:
    """Return what the question says of the card: its state, its phones, who holds its listing."""
    listed = listings.open_listing(card=card)
    covered = coverage.coverage_of(issuer=issuer)
    version = listed.listed_in if listed else None  # type: ignore[attr-defined]  # annotated
    return {
        "issuer": issuer,
        "card": card,
        "mark": words.of_card(card),
        "kind": words.kinds()[card.programme.kind],
        "listed": listed,
        "carried_by": listings.phones_with(card=card),
        "covered": covered,
        "holding": covered.holding(version) if version else 0,
    }


def _blocked(card: Card, done: blacklist.Outcome) -> str:
    told = {"card": card.last4, "version": done.version, "phones": len(done.commands)}
    if not done.commands:
        return _("Card •••• %(card)s is blocked. No phone carries it.") % told
    return (
        _("Card •••• %(card)s is blocked. Phones told: %(phones)s. Readers: version %(version)s.")
        % told
    )


def _unblocked(card: Card, done: blacklist.Outcome) -> str:
    told = {"card": card.last4, "phones": len(done.commands)}
    return _("Card •••• %(card)s is off the list. Phones told: %(phones)s.") % told
