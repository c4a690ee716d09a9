"""The person's second factor: set up by a mailed link, replaced and backed up under a code."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from config.models import Authenticator
from config.people import links, proofs, recovery_codes, second_factor
from config.people.access import SignedInRequest, actor_of, second_factor_not_required
from config.people.second_factor import TooManyTries, WrongCode
from config.portal import doors
from config.portal.forms import CodeForm, ProofForm, ReplaceForm
from config.refusals import Forbidden


@second_factor_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """Set the authenticator up: the picture, the typed secret, and a code to prove that it took.

    :raises LinkSpent: unknown, used or old
    :raises Forbidden: the link is another person's
    """
    person, at = cast("SignedInRequest", request), timezone.now()
    link = links.find(token=token, purpose=links.Purpose.SECOND_FACTOR, at=at)
    if link.user_id != person.user.pk:
        raise Forbidden(_("This link was sent to somebody else. Sign out first."))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked: Any = {"user": person.user, "actor": actor_of(request), "at": at}
        try:
            factor = second_factor.set_up(token=token, code=form.cleaned_data["code"], **asked)
        except WrongCode as refusal:
            form.add_error("code", refusal.detail)
        else:
            doors.confirm(request=request, factor=factor, at=at)
            return _show_codes(request, recovery_codes.renew(**asked))
    told = {"form": form, **_drawn(second_factor.pending(user=person.user))}
    return render(
        request, "account/second_factor_set_up.html", told, status=422 if form.errors else 200
    )


@second_factor_not_required
@require_POST
def ask_link(request: HttpRequest) -> HttpResponse:
    """Mail the link again to who gave the password and has no second factor.

    :raises AlreadySetUp: there is one
    """
    second_factor.ask_link(user=cast("SignedInRequest", request).user, at=timezone.now())
    messages.success(request, _("The link is on its way to your mailbox."))
    return redirect("sign-in-code")


@never_cache
@require_http_methods(["GET", "POST"])
def again(request: HttpRequest) -> HttpResponse:
    """Take a code before a dangerous act, and go on to it."""
    person, at = cast("SignedInRequest", request), timezone.now()
    session_key = request.session.session_key
    if proofs.is_fresh(user=person.user, session_key=session_key, at=at):
        return redirect(doors.onward(request))
    form = ProofForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            proofs.prove_again(
                user=person.user,
                code=form.cleaned_data["proof"],
                session_key=session_key,
                actor=actor_of(request),
                at=at,
            )
        except (WrongCode, TooManyTries) as refusal:
            form.add_error("proof", refusal.detail)
        else:
            return redirect(doors.onward(request))
    status = 422 if form.errors else 200
    return render(request, "account/second_factor_again.html", {"form": form}, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
def replace(request: HttpRequest) -> HttpResponse:
    """Show the authenticator's state and put a new one in its place."""
    person, at = cast("SignedInRequest", request), timezone.now()
    form = ReplaceForm(request.POST or None, asked=proofs.needs_proof(user=person.user))
    if request.method == "POST" and form.is_valid():
        try:
            factor = proofs.replace_authenticator(
                user=person.user,
                proof=form.cleaned_data.get("proof", ""),
                code=form.cleaned_data["code"],
                session_key=request.session.session_key,
                actor=actor_of(request),
                at=at,
            )
        except (WrongCode, TooManyTries) as refusal:
            form.add_error(None, refusal.detail)
        else:
            doors.stay(request=request, factor=factor)
            messages.success(request, _("The new authenticator counts from now on."))
            return redirect("second-factor")
    told = {
        "form": form,
        "authenticator": second_factor.authenticator_of(user=person.user),
        "codes_left": recovery_codes.left(user=person.user),
        **_drawn(second_factor.pending(user=person.user)),
    }
    return render(request, "account/second_factor.html", told, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def codes(request: HttpRequest) -> HttpResponse:
    """Make ten new recovery codes and show them this once."""
    person = cast("SignedInRequest", request)
    form = ProofForm(request.POST or None, asked=proofs.needs_proof(user=person.user))
    if request.method == "POST" and form.is_valid():
        try:
            made = proofs.renew_codes(
                user=person.user,
                proof=form.cleaned_data.get("proof", ""),
                actor=actor_of(request),
                at=timezone.now(),
            )
        except (WrongCode, TooManyTries) as refusal:
            form.add_error("proof", refusal.detail)
        else:
            return _show_codes(request, made)
    told = {"form": form, "codes_left": recovery_codes.left(user=person.user)}
    return render(request, "account/recovery_codes.html", told, status=422 if form.errors else 200)


def _show_codes(request: HttpRequest, made: list[str]) -> HttpResponse:
    return render(request, "account/recovery_codes_made.html", {"codes": made})


def _drawn(device: Authenticator) -> dict[str, object]:
    return {
        "picture": second_factor.picture_of(device=device),
        "secret": second_factor.secret_of(device=device),
    }
