"""Commands that did not get through: which phone, how often tried, what could still be lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from config import money
from config.people.access import right_required
from config.portal import filters, sheets
from config.roles import Right
from issuers.models import OtaCommand
from issuers.portal import toasts, words
from issuers.portal.ordering import in_order
from issuers.portal.places import issuer_for, offers
from issuers.portal.sheets import COMMANDS
from issuers.selectors import coverage
from issuers.selectors import undelivered as selected
from wallets.selectors.holders import names_of

SORTS = {"queued": "created_at", "attempts": "attempts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A command as the list shows it; ``next_at``: None while it waits for the phone to ask."""

    command: OtaCommand
    mark: words.Mark
    action: str
    holder: str
    next_at: datetime | None


@right_required(Right.SEE_CARDS)
@require_GET
def undelivered(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    at = timezone.now()
    view = filters.view_of(request, selected.VIEWS)
    rows = selected.unheard_of(issuer=row, view=view, at=at)
    whole = selected.unheard_of(issuer=row, view="all", at=at)
    shown = selected.with_exposure(rows=rows, at=at)
    if sheets.wanted(request):
        return sheets.download(request, name="undelivered", rows=shown, sheet=COMMANDS)
    page = in_order(rows=shown, whole=whole, request=request, sorts=SORTS)
    counts = selected.counts_of(issuer=row, at=at)
    labels = {"late": _("Late"), "undelivered": _("Given up"), "all": _("All on their way")}
    context = {
        "issuer": row,
        "page": page,
        "lines": _lines(page.rows),
        "counts": counts,
        "exposed": _sums(coverage.exposed_of(issuer=row, at=at, commands=rows)),
        "tabs": filters.tabs(request, labels=labels, current=view, counts=counts),
        "may_offer": offers(request, Right.BLOCK_CARDS),
        "toast": toasts.told(request),
    }
    return render(request, "issuers/undelivered.html", context)


def _lines(commands: Sequence[OtaCommand]) -> list[Line]:
    names = names_of(references={command.card.account.holder for command in commands})
    actions = words.actions()
    return [
        Line(
            command=command,
            mark=words.of_delivery(command.state),
            action=actions[command.action],
            holder=names.get(command.card.account.holder, command.card.account.holder),
            next_at=command.next_attempt_at,
        )
        for command in commands
    ]


def _sums(exposed: Sequence[tuple[str, int]]) -> str:
    """Return what could still be lost, currency by currency, "" for nothing."""
    return ", ".join(f"{money.text(minor, code)} {code}" for code, minor in exposed if minor)
