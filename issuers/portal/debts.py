"""Debts: which accounts spent offline beyond what they had, and what came back."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from config import money
from config.people.access import right_required
from config.portal import filters, sheets
from config.roles import Right
from issuers.models import Debt
from issuers.portal import words
from issuers.portal.ordering import in_order
from issuers.portal.places import issuer_for
from issuers.portal.sheets import DEBTS
from issuers.selectors import debts
from wallets.selectors.holders import names_of

SORTS = {"opened": "opened_at", "amount": "amount_minor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A debt as the list draws it; ``listed``: by this debt, and still."""

    debt: Debt
    mark: words.Mark
    holder: str
    listed: bool


@right_required(Right.SEE_CARDS)
@require_GET
def debt_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    """List the debts over an issuer's cards, the open ones unless asked for others."""
    row = issuer_for(request, issuer, Right.SEE_CARDS)
    view = filters.view_of(request, debts.VIEWS)
    if sheets.wanted(request):
        return sheets.download(
            request, name="debts", rows=debts.debts_of(issuer=row, view=view), sheet=DEBTS
        )
    page = in_order(
        rows=debts.debts_of(issuer=row, view=view),
        whole=debts.debts_of(issuer=row, view="all"),
        request=request,
        sorts=SORTS,
    )
    names = names_of(references={debt.account.holder for debt in page.rows})
    labels = {"open": _("Open"), "collected": _("Collected"), "all": _("All")}
    counts = debts.counts_of(issuer=row)
    owed = debts.outstanding_of(issuer=row)
    context = {
        "issuer": row,
        "page": page,
        "lines": [_line(debt, names) for debt in page.rows],
        "tabs": filters.tabs(request, labels=labels, current=view, counts=counts),
        "counts": counts,
        "owed": ", ".join(str(money.Money(minor, code)) for code, minor in owed.items()),
    }
    return render(request, "issuers/debt_list.html", context)


def _line(debt: Debt, names: dict[str, str]) -> Line:
    open_still = debt.closed_at is None
    return Line(
        debt=debt,
        mark=words.Mark("bad", _("Open")) if open_still else words.Mark("ok", _("Collected")),
        holder=names.get(debt.account.holder, debt.account.holder),
        listed=debt.entry is not None and debt.entry.lifted_at is None,
    )
