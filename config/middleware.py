"""What every request passes: an id, the person behind it, and refusals as pages."""

import re
import secrets
import string
import zoneinfo
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.cache import patch_cache_control

from config.models import Membership
from config.people import sessions
from config.people.access import SignedInRequest, know_memberships
from config.people.second_factor import counts
from config.portal import refusals
from config.refusals import Refused

Next = Callable[[HttpRequest], HttpResponseBase]
SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# They sign or show a key; a cookie says nothing there.
MACHINES = ("/api/", "/healthz", "/readyz", "/metrics")


class RequestId:
    """Names each request: in the answer, in each log line, in audit rows and on error pages."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.headers.get("X-Request-Id", "")
        name = asked if SANE_ID.fullmatch(asked) else _new_id()
        request.request_id = name  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=name):
            response = self.get_response(request)
        response["X-Request-Id"] = name
        return response


class NoNul:
    """Refuses a NUL in address or cookies before a query asks for it: PostgreSQL has no such text.

    A cookie may spell one as an octal escape, and no session, theme or token has any.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        texts = (request.path, *request.COOKIES.values())
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in text for text in texts):
            raise BadRequest
        return self.get_response(request)


class NoFlood:
    """Refuses a page's body beyond any form of ours before anything reads it.

    Looking for the CSRF token parses the form, files included, and files go to the disk: a stranger
    could fill it. A body without a length is not read at all (WSGI); the API has its own limits.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        told = request.META.get("CONTENT_LENGTH") or "0"
        length = int(told) if told.isascii() and told.isdecimal() else 0  # as WSGIRequest reads it
        if length > settings.PAGE_BODY_MAX_BYTES and not request.path.startswith(MACHINES):
            raise RequestDataTooBig
        return self.get_response(request)


class SignedInPerson:
    """Opens pages to who is signed in with both factors, within the limits of the session.

    Every page asks for that unless it says ``login_not_required`` (nothing) or
    ``second_factor_not_required`` (the password alone). Sets ``membership``, ``memberships`` and
    ``time_zone`` on the request.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        person = cast("SignedInRequest", request)
        person.membership, person.memberships, person.time_zone = None, [], ""
        if request.path.startswith(MACHINES) or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)
        if request.user.is_authenticated:
            self._know(person)
        try:
            response = self.get_response(request)
        finally:
            timezone.deactivate()
        if request.user.is_authenticated:
            patch_cache_control(response, no_store=True, private=True)  # ASVS 14.3.2
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Send who may not open the page to where that can be mended."""
        if request.path.startswith(MACHINES) or not getattr(view, "login_required", True):
            return None
        if not request.user.is_authenticated:
            return _to(request, "sign-in", why=getattr(request, "signed_out_because", ""))
        wants_both = getattr(view, "second_factor_required", True)
        if wants_both and not cast("SignedInRequest", request).time_zone:
            return _to(request, "sign-in-code")
        return None

    def _know(self, request: SignedInRequest) -> None:
        """Find the session's row, end what is over, and set who works where."""
        at, key = timezone.now(), request.session.session_key
        session = sessions.find(session_key=key)
        if why := sessions.why_over(session=session, at=at):
            sessions.close(session_key=key, at=at)
            logout(request)
            request.signed_out_because = why  # type: ignore[attr-defined]
            return
        assert session is not None
        if "X-Polled" not in request.headers:  # a box that redraws itself is nobody at the desk
            sessions.touch(session=session, at=at)
        factor = getattr(request.user, "otp_device", None)
        if session.verified_at is None or not counts(factor=factor):
            return
        request.memberships = know_memberships(user=request.user)
        request.membership = _chosen(request)
        request.time_zone = request.user.time_zone
        timezone.activate(zoneinfo.ZoneInfo(request.time_zone))
        structlog.contextvars.bind_contextvars(user_id=request.user.pk)


class Refusals:
    """Turns a refusal raised by a view into its page, or into a notice for an htmx request."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer refusals; anything else is a fault and goes on to the 500 page and the log."""
        if isinstance(exception, Refused) and not request.path.startswith(MACHINES):
            return refusals.answer(request=request, refusal=exception)
        return None


def _new_id() -> str:
    """Return 112 random bits as letters: digits could look like a card number to the log."""
    return "".join(secrets.choice(string.ascii_lowercase) for _n in range(24))


def _chosen(request: SignedInRequest) -> Membership | None:
    """Return the membership the person switched to, or else the first."""
    chosen = request.session.get("membership")
    first = request.memberships[0] if request.memberships else None
    return next((m for m in request.memberships if m.pk == chosen), first)


def _to(request: HttpRequest, name: str, **told: str) -> HttpResponse:
    """Return the way to another page, with the way back if this one can be asked for again."""
    query = {key: value for key, value in told.items() if value}
    htmx = "HX-Request" in request.headers
    if request.method in {"GET", "HEAD"} and not htmx and request.path != "/":
        query["next"] = request.get_full_path()
    where = resolve_url(name) + (f"?{urlencode(query)}" if query else "")
    if htmx:  # a redirect would be swapped into the page's middle
        return HttpResponse(status=204, headers={"HX-Redirect": where})
    return redirect(where)
