"""The audit trail: who did what, and whether it is still what was written."""

from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from config import audit
from config.models import Audit
from config.paging import newest_first
from config.people import trail
from config.people.access import SignedInRequest, right_required
from config.portal import sheets
from config.portal.own_sheets import TRAIL
from config.roles import Right


@right_required(Right.SEE_AUDIT)
@require_http_methods(["GET", "POST"])
def trail_list(request: HttpRequest) -> HttpResponseBase:
    """List what was done, filtered by object, actor or action; a POST walks the whole chain."""
    rows = trail.audits_visible_to(cast("SignedInRequest", request).user)
    asked = {key: request.GET.get(key, "").strip()[:64] for key in ("subject", "actor", "action")}
    kept = {key: value for key, value in asked.items() if value}
    rows = rows.filter(**kept)
    if sheets.wanted(request):
        return sheets.download(request, name="audit", rows=rows, sheet=TRAIL)
    page = newest_first(rows=rows, request=request)
    names = trail.names_of(rows=page.rows)
    told: dict[str, Any] = {
        "page": page,
        "listed": [(row, names.get(row.actor, row.actor), _difference(row)) for row in page.rows],
        "asked": kept.get("subject", ""),
        "kept": [(key, value) for key, value in kept.items() if key != "subject"],
        "chips": _chips(kept, names),
        "changed": trail.changed(rows=page.rows),
    }
    if request.method == "POST":
        told["walked"], told["broken"] = audit.verify()
    return render(request, "audit/audit.html", told)


def _chips(kept: dict[str, str], names: dict[str, str]) -> list[dict[str, str]]:
    words = {"subject": _("Object"), "actor": _("Actor"), "action": _("Act")}
    return [
        {
            "key": words[key],
            "value": names.get(value, value) if key == "actor" else value,
            "remove_url": f"?{urlencode({k: v for k, v in kept.items() if k != key})}",
        }
        for key, value in kept.items()
    ]


def _difference(row: Audit) -> list[tuple[str, Any, Any]]:
    """Return what the act changed, field by field."""
    before, after = row.before or {}, row.after or {}
    keys = [*before, *(key for key in after if key not in before)]
    return [
        (key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)
    ]
