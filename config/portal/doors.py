"""Through the door: what a sign-in does to the browser's session, whichever way somebody came."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import cast
from urllib.parse import urlencode

import django_otp
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from config.models import User
from config.people import proofs, sessions
from config.people.access import SignedInRequest, actor_of, address_of

BACKEND = "django.contrib.auth.backends.ModelBackend"


def enter(*, request: HttpRequest, user: User, at: datetime) -> None:
    """Sign ``user`` in with the password alone, under a new session id."""
    sessions.close(session_key=request.session.session_key, at=at)
    auth.login(request, user, backend=BACKEND)
    assert request.session.session_key is not None
    sessions.begin(
        user=user,
        session_key=request.session.session_key,
        address=address_of(request),
        agent=request.headers.get("User-Agent", ""),
        at=at,
    )


def confirm(*, request: HttpRequest, factor: object, at: datetime) -> None:
    """Add the second factor, again under a new session id (ASVS 7.2.4).

    :raises NoSuchSession: it was ended meanwhile
    """
    old = request.session.session_key
    request.session.cycle_key()
    new = request.session.session_key
    assert old is not None
    assert new is not None
    sessions.verify(session_key=old, new_session_key=new, actor=actor_of(request), at=at)
    django_otp.login(request, factor)


def stay(*, request: HttpRequest, factor: object) -> None:
    """Go on under a factor that took the place of the one the session was verified with."""
    django_otp.login(request, factor)


def keep(*, request: HttpRequest, user: User) -> None:
    """Go on after a changed password, which signs everybody else out, under a new session id."""
    old = request.session.session_key
    auth.update_session_auth_hash(request, user)
    sessions.move(session_key=old, new_session_key=request.session.session_key)


def leave(*, request: HttpRequest, at: datetime) -> None:
    """Sign out."""
    if request.user.is_authenticated:
        sessions.sign_out(session_key=request.session.session_key, actor=actor_of(request), at=at)
    auth.logout(request)


def onward(request: HttpRequest) -> str:
    """Return where the person was going: a page of ours, or the first one."""
    asked = request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if asked and ours else resolve_url("home")


def second_factor_lately[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Let a page of dangerous acts open within 5 minutes of the second factor: a decorator.

    Else the code is asked for first. What was typed into a form that grew old is typed again.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = cast("SignedInRequest", args[0])
        session_key = request.session.session_key
        if proofs.is_fresh(user=request.user, session_key=session_key, at=timezone.now()):
            return view(*args, **kwargs)
        where = urlencode({"next": request.get_full_path()})
        return redirect(f"{resolve_url('second-factor-again')}?{where}")

    return guarded


def sign_in_address(request: HttpRequest) -> str:
    """Return the way to sign in and come back to this page."""
    name = "sign-in-code" if request.user.is_authenticated else "sign-in"
    return f"{resolve_url(name)}?{urlencode({'next': request.get_full_path()})}"
