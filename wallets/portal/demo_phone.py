"""The demo's phone: a page that is a customer's phone, by the wallet API alone."""

from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.csp import CSP
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_POST, require_safe

from config.refusals import NotFound
from settlement.services import newcomers

# A relay stands on a port of its own: this page alone may ask one, and only on this machine.
_POLICY: Final = settings.SECURE_CSP | {
    "script-src": [CSP.SELF],
    "connect-src": [CSP.SELF, "http://127.0.0.1:*", "http://localhost:*"],
}


@login_not_required
@require_safe
@never_cache
@csp_override(_POLICY)
def phone(request: HttpRequest) -> HttpResponse:
    """Show the phone; what it knows is in the browser, and its keys never leave it.

    :raises NotFound: outside the demo nothing is at this address
    """
    _require_demo()
    return render(request, "wallets/demo_phone.html")


@login_not_required
@require_POST
def customer(request: HttpRequest) -> HttpResponse:
    """Make a customer with a card and tell the code that enrols a phone of theirs.

    :raises NotFound: outside the demo nothing is at this address
    """
    _require_demo()
    made = newcomers.add(at=timezone.now())
    told = {"customer": made.customer.reference, "name": made.customer.name, "code": made.code}
    return JsonResponse(told, status=201)


def _require_demo() -> None:
    if not settings.DEMO:
        raise NotFound
