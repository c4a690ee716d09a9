"""Search everywhere: one line finds payments, batches, cards and devices the person may see."""

from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from config.people.access import SignedInRequest, may
from config.portal import filters
from config.roles import Right
from config.wire import numbers
from settlement.models import Batch
from settlement.portal.live import KEPT_BY_SEARCH, row_of
from settlement.portal.words import BATCH_LOOKS
from settlement.selectors import found
from settlement.selectors.typed import LOOK_BACK_DAYS

_TYPED_MAX = 64


@sensitive_post_parameters("q")
@require_http_methods(["GET", "HEAD", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """
    Show what ``q`` may mean, in groups; nothing of it is anybody else's.

    What is typed comes by POST. A number that is shown once (a TSN, an approval number) is answered
    at once and told nowhere; anything else goes into the address, so that it can be passed on.
    """
    if request.method != "POST":
        return _page(request, typed=filters.typed(request, "q"))
    typed = request.POST.get("q", "").strip()[:_TYPED_MAX]
    of_list = request.POST.get("to") == "payment-live"
    if numbers.shown_once(typed) is None:
        return _at_address(request, typed, of_list=of_list)
    return _in_list(request, typed) if of_list else _page(request, typed=typed, told="")


def _page(request: HttpRequest, *, typed: str, told: str | None = None) -> HttpResponse:
    """Draw the page; ``told``: what it says was looked for, if that is not ``typed``."""
    person = cast("SignedInRequest", request)
    result = found.search(user=person.user, typed=typed, at=timezone.now())
    context = {
        "typed": typed if told is None else told,
        "by_number": told is not None,
        "found": result,
        "payments": [row_of(payment) for payment in result.payments],
        "batches": [(batch, BATCH_LOOKS[Batch.State(batch.state)]) for batch in result.batches],
        "most": found.MOST,
        "days": LOOK_BACK_DAYS,
        "may_edit_shop": may(membership=person.membership, right=Right.EDIT_SHOP),
    }
    return render(request, "settlement/search.html", context)


def _in_list(request: HttpRequest, typed: str) -> HttpResponse:
    """Answer a number typed above a shop's sales with the list of its payment, by reference."""
    person = cast("SignedInRequest", request)
    result = found.search(user=person.user, typed=typed, at=timezone.now())
    if not result.payments:
        messages.info(request, _("No payment was made with this number."))
    name = result.payments[0].reference if result.payments else ""
    return _at_address(request, name, of_list=True)


def _at_address(request: HttpRequest, typed: str, *, of_list: bool) -> HttpResponse:
    kept = KEPT_BY_SEARCH if of_list else ()
    query = {"q": typed} | {name: request.POST.get(name, "") for name in kept}
    asked = urlencode({name: value for name, value in query.items() if value})
    address = reverse("payment-live" if of_list else "search")
    return redirect(f"{address}?{asked}" if asked else address)
