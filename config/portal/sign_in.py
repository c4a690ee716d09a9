"""Sign in: the password, then the second factor; or by the demo's one-time link."""

from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.people import recovery_codes, second_factor, sign_in_links, trail, tries
from config.people.access import (
    SignedInRequest,
    actor_of,
    address_of,
    second_factor_not_required,
)
from config.portal import doors, refusals
from config.portal.forms import CodeForm, RecoveryCodeForm, SignInForm
from config.refusals import NotFound, Refused

SIGNED_OUT = {"idle", "old", "ended"}


class LockedOut(Refused):
    code = "locked_out"
    status = 429
    title = "Too many tries"


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Take the password; ten wrong ones close the door for half an hour (``django-axes``)."""
    if getattr(request, "time_zone", ""):
        return redirect(doors.onward(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at, name = timezone.now(), form.cleaned_data["email"]
        tries.require_no_wait_at_door(name=name, address=address_of(request), at=at)
        user = authenticate(request, **form.cleaned_data)
        if user is not None:
            doors.enter(request=request, user=user, at=at)
            return redirect(_with_next(request, "sign-in-code"))
        if not getattr(request, "axes_locked_out", False):  # then no password was looked at
            tries.count(kind=tries.Kind.SIGN_IN, name=name, at=at)
        form.add_error(None, _("E-mail and password do not fit together."))
    why = request.GET.get("why", "")
    told = {"form": form, "why": why if why in SIGNED_OUT else ""}
    return render(request, "account/sign_in.html", told, status=_status(form))


@second_factor_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Take a code of the authenticator."""
    person = cast("SignedInRequest", request)
    if person.time_zone:
        return redirect(doors.onward(request))
    if second_factor.authenticator_of(user=person.user) is None:
        return render(request, "account/no_second_factor.html")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        try:
            factor = second_factor.check(user=person.user, code=form.cleaned_data["code"], at=at)
        except (second_factor.WrongCode, second_factor.TooManyTries) as refusal:
            return _again(request, "account/code.html", form, refusal)
        doors.confirm(request=request, factor=factor, at=at)
        return redirect(doors.onward(request))
    told = {"form": form, "next": request.GET.get("next", "")}
    return render(request, "account/code.html", told, status=_status(form))


@second_factor_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def recovery_code(request: HttpRequest) -> HttpResponse:
    """Take a recovery code instead."""
    person = cast("SignedInRequest", request)
    if person.time_zone:
        return redirect(doors.onward(request))
    form = RecoveryCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        try:
            factor = recovery_codes.check(
                user=person.user,
                code=form.cleaned_data["code"],
                actor=actor_of(request),
                at=at,
            )
        except Refused as refusal:
            return _again(request, "account/recovery_code.html", form, refusal)
        doors.confirm(request=request, factor=factor, at=at)
        return redirect("second-factor")
    told = {"form": form, "next": request.GET.get("next", "")}
    return render(request, "account/recovery_code.html", told, status=_status(form))


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this browser's session."""
    doors.leave(request=request, at=timezone.now())
    return redirect("sign-in")


@login_not_required
@never_cache
@require_GET
def demo_sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in with a one-time link, used up by the first request.

    :raises NotFound: outside the demo nothing is at this address
    """
    if not settings.DEMO:
        raise NotFound
    at = timezone.now()
    user, factor = sign_in_links.redeem(token=token, at=at)
    doors.enter(request=request, user=user, at=at)
    doors.confirm(request=request, factor=factor, at=at)
    return redirect("home")


def locked_out(
    request: HttpRequest, original_response: Any = None, credentials: Any = None
) -> HttpResponse:
    """Answer for ``django-axes`` after too many wrong passwords for one person from one place."""
    wait_s = int(settings.AXES_COOLOFF_TIME * 3600)
    trail.locked_out(
        name=request.POST.get("email", ""),
        actor=actor_of(request),
        at=timezone.now(),
        lasts_s=wait_s,
    )
    told = _("There were %(count)s wrong passwords in a row. Nobody is signed in.") % {
        "count": settings.AXES_FAILURE_LIMIT
    }
    return refusals.answer(request=request, refusal=LockedOut(told, retry_after_s=wait_s))


def _again(
    request: HttpRequest, template: str, form: CodeForm | RecoveryCodeForm, refusal: Refused
) -> HttpResponse:
    form.add_error("code", refusal.detail)
    told = {"form": form, "next": request.GET.get("next", "")}
    return render(request, template, told, status=refusal.status)


def _status(form: SignInForm | CodeForm | RecoveryCodeForm) -> int:
    return 422 if form.errors else 200


def _with_next(request: HttpRequest, name: str) -> str:
    asked = request.GET.get("next", "")
    return resolve_url(name) + (f"?{urlencode({'next': asked})}" if asked else "")
