"""Staff of a tenant: who works there, who is invited, and how somebody leaves."""

from typing import cast

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.paging import newest_first
from config.people import invitations, memberships, second_factor, tenants
from config.people.access import SignedInRequest, actor_of, right_required
from config.portal import sheets
from config.portal.forms import InviteForm
from config.portal.own_sheets import STAFF
from config.refusals import Forbidden, Refused
from config.roles import Right, Role

INVITATIONS_SHOWN = 20


@right_required(Right.INVITE_STAFF)
@require_safe
def staff(request: HttpRequest) -> HttpResponseBase:
    """List the people of the tenants whose staff the person looks after."""
    person, at = cast("SignedInRequest", request), timezone.now()
    asked = request.GET.get("q", "").strip()
    rows = memberships.memberships_visible_to(person.user)
    if asked:
        rows = rows.filter(
            Q(user__name__icontains=asked) | Q(user__email__icontains=asked) | Q(tenant=asked)
        )
    if sheets.wanted(request):
        return sheets.download(request, name="staff", rows=rows, sheet=STAFF)
    page = newest_first(rows=rows, request=request)
    open_ones = invitations.invitations_visible_to(person.user, at=at).order_by("-pk")
    waiting = list(open_ones[:INVITATIONS_SHOWN])
    names = tenants.names(references={row.tenant for row in page.rows if row.tenant})
    told = {
        "page": page,
        "asked": asked,
        "waiting": waiting,
        "listed": [(row, names.get(row.tenant, row.tenant)) for row in page.rows],
        "several": len({row.tenant for row in page.rows}) > 1,
    }
    return render(request, "staff/staff.html", told)


@right_required(Right.INVITE_STAFF)
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """Invite somebody, to the person's own tenant unless the person is of the platform."""
    person = cast("SignedInRequest", request)
    assert person.membership is not None
    form = InviteForm(request.POST or None, kind=person.membership.tenant_kind)
    if request.method == "POST" and form.is_valid():
        asked = {"tenant": person.membership.tenant} | form.cleaned_data
        try:
            invitations.invite(
                by=person.user,
                actor=actor_of(request),
                at=timezone.now(),
                **asked | {"role": Role(asked["role"])},
            )
        except (tenants.UnknownTenant, invitations.AlreadyMember, Forbidden) as refusal:
            _blame(form, refusal)
        else:
            messages.success(
                request, _("An invitation is on its way to %(email)s.") % {"email": asked["email"]}
            )
            return redirect("staff")
    return render(request, "staff/invite.html", {"form": form}, status=422 if form.errors else 200)


def _blame(form: InviteForm, refusal: Refused) -> None:
    """Put a refusal on the field it is about."""
    field = "email" if isinstance(refusal, invitations.AlreadyMember) else "tenant"
    form.add_error(field if field in form.fields else None, refusal.detail)


@right_required(Right.INVITE_STAFF)
@require_safe
def member(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Show one person, with the two acts that need thought."""
    person = cast("SignedInRequest", request)
    row = memberships.member_visible_to(person.user, membership_id=membership_id)
    told = {
        "member": row,
        "role": Role(row.role).label,
        "place": tenants.of(membership=row),
        "authenticator": second_factor.authenticator_of(user=row.user),
        "oneself": row.user_id == person.user.pk,
    }
    return render(request, "staff/member.html", told)


@right_required(Right.INVITE_STAFF)
@require_POST
def end(request: HttpRequest, membership_id: int) -> HttpResponse:
    """End a membership: the person's sessions end with it."""
    person = cast("SignedInRequest", request)
    row = memberships.member_visible_to(person.user, membership_id=membership_id)
    memberships.end(
        membership_id=row.pk, by=person.user, actor=actor_of(request), at=timezone.now()
    )
    messages.success(request, _("%(name)s works here no more.") % {"name": row.user})
    return redirect("staff")


@right_required(Right.INVITE_STAFF)
@require_POST
def reset_factor(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Take a lost second factor away and mail the link to set up a new one."""
    person = cast("SignedInRequest", request)
    row = memberships.member_visible_to(person.user, membership_id=membership_id)
    second_factor.reset(
        user=row.user,
        by=person.user,
        tenant=row.tenant,
        actor=actor_of(request),
        at=timezone.now(),
    )
    messages.success(
        request,
        _("A link to set up a new one is on its way to %(email)s.") % {"email": row.user.email},
    )
    return redirect("staff-member", membership_id=row.pk)


@right_required(Right.INVITE_STAFF)
@require_POST
def invitation_withdraw(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Take an open invitation back."""
    person, at = cast("SignedInRequest", request), timezone.now()
    row = invitations.invitations_visible_to(person.user, at=at).filter(pk=invitation_id).first()
    if row is None:
        raise invitations.NoSuchInvitation(_("That invitation is not open any more."))
    invitations.withdraw(invitation_id=row.pk, by=person.user, actor=actor_of(request), at=at)
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("staff")
