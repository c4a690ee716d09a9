"""How lists of pre-approvals and of what machines did with them are narrowed, in the address."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from config.portal import filters
from settlement.portal import preapproval_words as words
from settlement.portal.payouts import day_typed
from settlement.selectors.preapproval_lists import Asked

KEPT: Final = ("view", "kind", "from", "until")


def asked_of(request: HttpRequest, views: Mapping[str, str | Promise]) -> Asked:
    """Return what the address asks for; what is none of its choices asks for nothing."""
    kind = request.GET.get("kind", "")
    return Asked(
        view=filters.view_of(request, views),
        kind=kind if kind in words.KINDS else "",
        typed=filters.typed(request, "q"),
        first=day_typed(request, "from"),
        last=day_typed(request, "until"),
    )


def tools_of(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """Return what a list's tools draw: search, days, filters in force and those on offer."""
    names = {"kind": _("Kind")}
    values = {"kind": {kind.value: str(word) for kind, word in words.KINDS.items()}}
    days = (("from", _("From"), asked.first), ("until", _("Until"), asked.last))
    return {
        "asked": asked.typed,
        "first": asked.first,
        "last": asked.last,
        "chips": [
            *filters.chips_of(request, names=names, values=values),
            *(
                filters.chip(request, name, word, day.isoformat())
                for name, word, day in days
                if day
            ),
        ],
        "offers": filters.offers_of(request, names=names, values=values),
        "kept": filters.kept(request, *KEPT),
        "kept_by_days": filters.kept(request, "view", "kind", "q"),
        "narrowed": asked != Asked(view="all"),
    }
