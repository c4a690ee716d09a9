"""Forgotten, reset and changed passwords."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from config import tasks
from config.people import links, passwords, resets, tries
from config.people.access import SignedInRequest, actor_of
from config.portal import doors
from config.portal.forms import ChangePasswordForm, ForgottenForm, NewPasswordForm
from config.refusals import Refused


@login_not_required
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Have a link mailed; answer and time are the same whether the address is known or not."""
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        resets.ask(email=form.cleaned_data["email"], at=timezone.now())
        tasks.wake_resets()
        return render(request, "account/password_asked.html")
    status = 422 if form.errors else 200
    return render(request, "account/password_forgotten.html", {"form": form}, status=status)


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, token: str) -> HttpResponse:
    """Choose a new password by a mailed link."""
    at = timezone.now()
    links.find(token=token, purpose=links.Purpose.PASSWORD, at=at)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.reset(
                token=token,
                password=form.cleaned_data["password"],
                actor=actor_of(request),
                at=at,
            )
        except passwords.WeakPassword as refusal:
            form.add_error("password", refusal.detail)
        else:
            messages.success(
                request, _("Your password is changed and you are signed out everywhere.")
            )
            return redirect("sign-in")
    status = 422 if form.errors else 200
    return render(request, "account/password_reset.html", {"form": form}, status=status)


@never_cache
@sensitive_post_parameters("old", "password")
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Choose a new password by the old one; the other sessions end."""
    person = cast("SignedInRequest", request)
    form = ChangePasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.change(
                user=person.user,
                session_key=request.session.session_key,
                actor=actor_of(request),
                at=timezone.now(),
                **form.cleaned_data,
            )
        except (passwords.WrongPassword, tries.TooManyPasswords) as refusal:
            form.add_error("old", refusal.detail)
            return _refused(request, form, refusal)
        except passwords.WeakPassword as refusal:
            form.add_error("password", refusal.detail)
        else:
            doors.keep(request=request, user=person.user)
            messages.success(request, _("Your password is changed; your other sessions ended."))
            return redirect("profile")
    status = 422 if form.errors else 200
    return render(request, "account/password_change.html", {"form": form}, status=status)


def _refused(request: HttpRequest, form: ChangePasswordForm, refusal: Refused) -> HttpResponse:
    wait_s = refusal.extra.get("retry_after_s")
    response = render(
        request, "account/password_change.html", {"form": form}, status=refusal.status
    )
    if wait_s:
        response["Retry-After"] = str(wait_s)
    return response
