"""The way in for somebody new, and for somebody who works elsewhere already."""

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

from config.models import Invitation
from config.people import invitations, passwords, tenants
from config.people.access import SignedInRequest, actor_of
from config.portal import doors
from config.portal.forms import AcceptForm
from config.roles import Role


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: with a name and a password, or as who is signed in already.

    :raises InvitationSpent: unknown, accepted, withdrawn or too old
    """
    at = timezone.now()
    invitation = invitations.find(token=token, at=at)
    told = _told(invitation)
    guest = invitations.guest_of(invitation=invitation)
    if request.user.is_authenticated and (guest is None or guest.pk != request.user.pk):
        return render(request, "account/invitation_of_another.html", told)
    if guest is not None:
        return _join(request, token, told)
    form = AcceptForm(request.POST or None, initial={"name": invitation.name})
    if request.method == "POST" and form.is_valid():
        try:
            user, link = invitations.accept(
                token=token, actor=actor_of(request), at=at, **form.cleaned_data
            )
        except passwords.WeakPassword as refusal:
            form.add_error("password", refusal.detail)
        else:
            doors.enter(request=request, user=user, at=at)
            return redirect("second-factor-set-up", token=link)
    status = 422 if form.errors else 200
    return render(request, "account/invitation.html", told | {"form": form}, status=status)


def _join(request: HttpRequest, token: str, told: dict[str, object]) -> HttpResponse:
    """Let the person add the membership, once both factors are given."""
    person = cast("SignedInRequest", request)
    if not person.time_zone:
        return redirect(doors.sign_in_address(request))
    if request.method == "POST":
        membership = invitations.join(
            token=token, user=person.user, actor=actor_of(request), at=timezone.now()
        )
        request.session["membership"] = membership.pk
        messages.success(
            request, _("You work for %(tenant)s now.") % {"tenant": told["tenant_name"]}
        )
        return redirect("home")
    return render(request, "account/invitation_join.html", told)


def _told(invitation: Invitation) -> dict[str, object]:
    place = tenants.find(kind=invitation.tenant_kind, reference=invitation.tenant)
    return {
        "invitation": invitation,
        "tenant_name": place.name,
        "role_name": Role(invitation.role).label,
    }
