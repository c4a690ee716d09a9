"""One's own pages: profile, sessions, and which tenant to work for now."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.people import memberships, profiles, recovery_codes, second_factor, sessions, tenants
from config.people.access import SignedInRequest, actor_of
from config.portal import browsers
from config.portal.forms import ProfileForm

THEME_LASTS_S = 365 * 86400


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change what a person says about oneself; ways to password and second factor."""
    person = cast("SignedInRequest", request)
    user = person.user
    initial = {"name": user.name, "time_zone": user.time_zone, "shortcuts": user.shortcuts}
    theme = request.COOKIES.get("theme", "auto")
    form = ProfileForm(request.POST or None, initial=initial | {"theme": theme})
    if request.method == "POST" and form.is_valid():
        chosen = dict(form.cleaned_data)
        theme = chosen.pop("theme")
        profiles.change(user=user, actor=actor_of(request), at=timezone.now(), **chosen)
        messages.success(request, _("Your profile is saved."))
        response = redirect("profile")
        # ui.js writes the same cookie from the account menu, hence not HttpOnly.
        response.set_cookie(
            "theme", theme, max_age=THEME_LASTS_S, secure=settings.SECURE, samesite="Lax"
        )
        return response
    told = {
        "form": form,
        "authenticator": second_factor.authenticator_of(user=user),
        "codes_left": recovery_codes.left(user=user),
        "places": [(m, tenants.of(membership=m)) for m in person.memberships],
    }
    return render(request, "account/profile.html", told, status=422 if form.errors else 200)


@require_safe
def session_list(request: HttpRequest) -> HttpResponse:
    """List the browsers the person is signed in with."""
    rows = sessions.sessions_visible_to(cast("SignedInRequest", request).user)
    listed = [(row, browsers.name_of(row.agent)) for row in rows]
    told = {"listed": listed, "here": request.session.session_key}
    return render(request, "account/sessions.html", told)


@require_POST
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one of them."""
    sessions.end(
        user=cast("SignedInRequest", request).user,
        session_id=session_id,
        actor=actor_of(request),
        at=timezone.now(),
    )
    messages.success(request, _("That session ended."))
    return redirect("sessions")


@require_POST
def session_end_others(request: HttpRequest) -> HttpResponse:
    """End all but this one."""
    ended = sessions.end_all(
        user=cast("SignedInRequest", request).user,
        actor=actor_of(request),
        at=timezone.now(),
        but=request.session.session_key,
    )
    messages.success(request, _("Other sessions ended: %(count)s.") % {"count": ended})
    return redirect("sessions")


@require_POST
def tenant_switch(request: HttpRequest) -> HttpResponse:
    """Work for another of one's tenants from here on.

    :raises NoSuchMember: the person does not work there
    """
    person = cast("SignedInRequest", request)
    asked = request.POST.get("membership", "")
    chosen = next((m for m in person.memberships if str(m.pk) == asked), None)
    if chosen is None:
        raise memberships.NoSuchMember(_("You do not work there."))
    if person.membership is None or chosen.pk != person.membership.pk:
        memberships.tell_switch(to=chosen, actor=actor_of(request), at=timezone.now())
    request.session["membership"] = chosen.pk
    return redirect("home")
