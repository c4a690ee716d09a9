"""Authorisations: what the card company said to each payment, and why not."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from config.paging import newest_first
from config.people.access import SignedInRequest, right_required
from config.portal import filters, sheets
from config.roles import Right
from issuers.models import Authorisation, Card, Issuer
from issuers.portal import words
from issuers.portal.places import card_for, issuer_for
from issuers.portal.sheets import AUTHORISATIONS
from issuers.selectors import authorisations, authorisations_visible_to, authorisers
from issuers.selectors.authorisations import Asked
from settlement.models import Payment
from settlement.selectors.payments import payments_named

_LAST4: Final = re.compile(r"[0-9]{4}", re.ASCII)
_KEPT: Final = ("view", "reason", "card", "from", "until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A decision as the list draws it; ``payment``: None for a tap that a reader asked about."""

    decision: Authorisation
    mark: words.Mark
    reason: str
    payment: Payment | None


@right_required(Right.SEE_CARDS)
@require_GET
def authorisation_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    """List the decisions over the issuer's cards, newest first."""
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    person = cast("SignedInRequest", request)
    asked = _asked(request, row)
    visible = authorisations_visible_to(person.user).filter(card__issuer=row)
    found = authorisations.narrowed(visible, asked=asked)
    if sheets.wanted(request):
        return sheets.download(request, name="authorisations", rows=found, sheet=AUTHORISATIONS)
    page = newest_first(rows=found, request=request)
    payments = payments_named(references=[decision.document for decision in page.rows])
    labels = {"all": _("All"), "approved": _("Approved"), "declined": _("Declined")}
    context = {
        "issuer": row,
        "own_system": authorisers.health_of(issuer=row),
        "page": page,
        "lines": [_line(decision, payments) for decision in page.rows],
        "tabs": filters.tabs(request, labels=labels, current=asked.view),
        "narrowed": any(request.GET.get(name) for name in (*_KEPT, "q")),
    }
    return render(request, "issuers/authorisation_list.html", context | _tools(request, asked))


def _asked(request: HttpRequest, issuer: Issuer) -> Asked:
    typed, reason = filters.typed(request, "q"), request.GET.get("reason", "")
    return Asked(
        view=filters.view_of(request, authorisations.VIEWS),
        reason=reason if reason in words.declines() else "",
        last4=typed[-4:] if _LAST4.fullmatch(typed[-4:]) else "",
        card=_card(request, issuer),
        first=_day(request, "from"),
        last=_day(request, "until"),
        time_zone=cast("SignedInRequest", request).time_zone,
    )


def _card(request: HttpRequest, issuer: Issuer) -> Card | None:
    """Return the card of the address.

    :raises NotFound: no such card, or another issuer's
    """
    reference = filters.typed(request, "card")
    return card_for(issuer, reference) if reference else None


def _day(request: HttpRequest, name: str) -> date | None:
    try:
        day = datetime.strptime(request.GET.get(name, ""), "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError:
        return None
    return day if 2000 <= day.year < 2200 else None  # the midnight after it is a date too


def _tools(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    chosen, values = {"reason": _("Reason")}, {"reason": words.declines()}
    chips = filters.chips_of(request, names=chosen, values=values)
    if asked.card:
        chips.append(filters.chip(request, "card", _("Card"), f"•••• {asked.card.last4}"))
    if asked.first:
        chips.append(filters.chip(request, "from", _("From"), asked.first.isoformat()))
    if asked.last:
        chips.append(filters.chip(request, "until", _("Until"), asked.last.isoformat()))
    return {
        "asked": filters.typed(request, "q"),
        "first": asked.first,
        "last": asked.last,
        "chips": chips,
        "offers": filters.offers_of(request, names=chosen, values=values),
        "kept": filters.kept(request, *_KEPT),
        "kept_by_days": filters.kept(request, "view", "reason", "card", "q"),
    }


def _line(decision: Authorisation, payments: dict[str, Payment]) -> Line:
    said_no = bool(decision.decline_reason)
    return Line(
        decision=decision,
        mark=words.Mark("bad", _("Declined")) if said_no else words.Mark("ok", _("Approved")),
        reason=words.declines().get(decision.decline_reason, decision.decline_reason),
        payment=payments.get(decision.document),
    )
