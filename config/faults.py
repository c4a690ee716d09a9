"""What Django itself refuses: a problem under ``/api/``, else a page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from config.api import problems
from config.portal import refusals
from config.refusals import Forbidden, NotFound, Refused

API = "/api/"


class BadRequest(Refused):
    code = "bad_request"
    status = 400
    title = "This request could not be read"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a malformed request."""
    if request.path.startswith(API):
        return problems.bad_request(request, exception)
    return refusals.answer(request=request, refusal=BadRequest())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django's own parts forbid."""
    return refusals.answer(request=request, refusal=Forbidden())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that no route takes."""
    if request.path.startswith(API):
        return problems.no_such_route(request, exception)
    return refusals.answer(request=request, refusal=NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a fault of ours, telling nothing of it but the request's id."""
    if request.path.startswith(API):
        return problems.server_error(request)
    told = {"request_id": getattr(request, "request_id", "")}
    return render(request, "error/500.html", told, status=500)


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is not this browser's: it was open through a sign-in."""
    told = _("You signed in or out since it was opened. Go back, reload the page and try again.")
    return refusals.answer(request=request, refusal=refusals.FormExpired(told))
