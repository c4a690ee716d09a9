"""Refusals as people see them: a page, or a notice inside the page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from config.refusals import Refused

OWN_PAGE = frozenset({400, 403, 404, 409, 429})


class FormExpired(Refused):
    code = "form_expired"
    status = 403
    title = "This form is too old"


def answer(*, request: HttpRequest, refusal: Refused) -> HttpResponse:
    """Return the refusal's page, or for an htmx request the notice that is swapped in."""
    told = {
        "title": _(refusal.title),
        "detail": refusal.detail if refusal.detail != refusal.title else "",
        "code": refusal.code,
        "status": refusal.status,
        "retry_after": refusal.extra.get("retry_after_s"),
        "request_id": getattr(request, "request_id", ""),
    }
    response = render(request, _template(request, refusal), told, status=refusal.status)
    if told["retry_after"]:
        response["Retry-After"] = str(told["retry_after"])
    return response


def _template(request: HttpRequest, refusal: Refused) -> str:
    if getattr(request, "htmx", False):
        return "account/refusal_notice.html"
    return f"error/{refusal.status}.html" if refusal.status in OWN_PAGE else "account/refusal.html"
