"""Queues of what people end with their words: a list in views, and the form that ends one."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise

from config.paging import newest_first
from config.people.access import SignedInRequest, may
from config.portal import filters
from config.refusals import Refused
from config.roles import Right
from settlement.portal.forms import OutcomeForm, show_refusal


def queue(
    request: HttpRequest,
    *,
    found: QuerySet[Any],
    labels: Mapping[str, Promise],
    counts: dict[str, int],
) -> dict[str, Any]:
    """Return what each queue's page is drawn from; ``found``: the rows of the view asked for.

    ``labels``, ``counts``: the views' names, and how many rows each holds.
    """
    view = filters.view_of(request, labels)
    return {
        "page": newest_first(rows=found, request=request),
        "counts": counts,
        "tabs": filters.tabs(request, labels=labels, current=view, counts=counts),
        "may_end": may_end(request),
    }


def take(request: HttpRequest, *, act: Callable[[str], object]) -> tuple[OutcomeForm, bool]:
    """Return the form, and whether ``act`` took the words typed into it; it shows a refusal."""
    form = OutcomeForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return form, False
    try:
        act(form.cleaned_data["words"])
    except Refused as refusal:
        show_refusal(form, refusal)
        return form, False
    return form, True


def may_end(request: HttpRequest) -> bool:
    """Return whether the person may end what waits, in the role they act in now."""
    membership = cast("SignedInRequest", request).membership
    return may(membership=membership, right=Right.RESOLVE_EXCEPTIONS)
