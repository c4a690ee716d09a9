"""Numbers that are shown once stand in no address: not in history, not in a link, not in a log."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from config.middleware import MACHINES
from config.wire import numbers


class LiveNumbersKeptOut:
    """Middleware: a page asked for with a TSN or an approval number in its query is asked for anew
    without it (protocol §2: never stored or logged in clear).

    Here and not in each list, so that no search box, chip or link can give one back. The search of
    all pages takes what is typed by POST.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = request.GET
        if not query or request.path.startswith(MACHINES):
            return self.get_response(request)
        kept = query.copy()
        for name, values in query.lists():
            kept.setlist(name, [each for each in values if not numbers.shown_once(each.strip())])
        if kept == query:
            return self.get_response(request)
        messages.info(request, _("A number that is shown once is not taken from an address."))
        return redirect(f"{request.path}?{kept.urlencode()}" if kept else request.path)
