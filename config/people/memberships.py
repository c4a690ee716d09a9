"""Memberships: who works for a tenant, and how somebody leaves."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from config import audit
from config.audit import Actor
from config.models import Invitation, Membership, User
from config.people import sessions
from config.people.access import memberships_of, roles_with, tenants_with
from config.refusals import Forbidden, NotFound, Refused
from config.roles import Right, TenantKind, allows


class NoSuchMember(NotFound):
    code = "no_such_member"
    title = "No such person"


class LastOwner(Refused):
    """Nobody would be left who can invite the next one."""

    code = "last_owner"
    status = 409
    title = "Somebody must stay who can invite staff"


def memberships_visible_to(user: User) -> QuerySet[Membership]:
    """Return the live memberships of the tenants whose staff ``user`` looks after."""
    tenants = tenants_with(user=user, right=Right.INVITE_STAFF)
    rows = Membership.objects.filter(ended_at=None).select_related("user")
    return rows if tenants.everything else rows.filter(tenant__in=tenants.references)


def member_visible_to(user: User, *, membership_id: int) -> Membership:
    """Return one live membership of a tenant whose staff ``user`` looks after.

    :raises NoSuchMember: it has ended, or is another tenant's
    """
    membership = memberships_visible_to(user).filter(pk=membership_id).first()
    if membership is None:
        raise NoSuchMember(_("That person does not work here, or has left."))
    return membership


def require_keeper(*, user: User | None, kind: str, tenant: str) -> None:
    """Refuse whoever does not look after that tenant's staff; None stands for the operator.

    :raises Forbidden: no role of the person's reaches there
    """
    if user is None:
        return
    keeping = [
        m for m in memberships_of(user=user) if allows(membership=m, right=Right.INVITE_STAFF)
    ]
    if not any(
        m.tenant_kind == TenantKind.PLATFORM or (m.tenant_kind, m.tenant) == (kind, tenant)
        for m in keeping
    ):
        raise Forbidden(_("Your role does not look after the staff of this tenant."))


@transaction.atomic
def end(*, membership_id: int, by: User | None, actor: Actor, at: datetime) -> Membership:
    """End a membership and every session of the person; without another one the person has left.

    Invitations the person sent for that tenant and nobody took up yet end too; of who leaves the
    platform all do, for the platform invites to every tenant.

    :raises NoSuchMember: it has ended already
    :raises Forbidden: ``by`` does not look after that tenant's staff
    :raises LastOwner: nobody else at the tenant may invite staff
    """
    membership = Membership.objects.filter(pk=membership_id, ended_at=None).first()
    if membership is None:
        raise NoSuchMember(_("That person does not work here, or has left."))
    require_keeper(user=by, kind=membership.tenant_kind, tenant=membership.tenant)
    _require_another_keeper(membership)
    membership.ended_at = at
    membership.save(update_fields=["ended_at"])
    audit.record(
        actor=actor,
        action="membership.end",
        subject_kind="Membership",
        subject=str(membership.pk),
        tenant=membership.tenant,
        at=at,
        before={"user": membership.user_id, "role": membership.role},
    )
    _withdraw_sent(membership, at=at)
    _leave(membership.user, at=at)
    sessions.end_all(user=membership.user, actor=actor, at=at)
    return membership


def tell_switch(*, to: Membership, actor: Actor, at: datetime) -> None:
    """Tell that a person goes on under another of their memberships: what they do now is its."""
    audit.record(
        actor=actor,
        action="tenant.switch",
        subject_kind="User",
        subject=str(to.user_id),
        tenant=to.tenant,
        at=at,
        after={"role": to.role},
    )


def _require_another_keeper(membership: Membership) -> None:
    """Refuse to end the last one; the rows stay locked, or two could end each other at once."""
    keepers = roles_with(right=Right.INVITE_STAFF)
    if membership.role not in keepers:
        return
    live = Membership.objects.select_for_update().filter(
        tenant_kind=membership.tenant_kind,
        tenant=membership.tenant,
        ended_at=None,
        role__in=keepers,
    )
    others = {row.pk for row in live.order_by("pk")} - {membership.pk}
    if not others:
        raise LastOwner(_("Invite somebody with the same right first, then end this membership."))


def _withdraw_sent(membership: Membership, *, at: datetime) -> None:
    sent = Invitation.objects.filter(
        invited_by=membership.user, accepted_at=None, withdrawn_at=None
    )
    if membership.tenant_kind != TenantKind.PLATFORM:
        sent = sent.filter(tenant_kind=membership.tenant_kind, tenant=membership.tenant)
    sent.update(withdrawn_at=at)


def _leave(user: User, *, at: datetime) -> None:
    if user.memberships.filter(ended_at=None).exists():
        return
    user.is_active, user.left_at = False, at
    user.save(update_fields=["is_active", "left_at"])
