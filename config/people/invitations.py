"""Invitations: how somebody comes to work for a tenant."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from config import audit
from config.audit import Actor
from config.models import Authenticator, Invitation, Membership, RecoveryCodes, User
from config.people import links, mails, passwords, tenants, tokens
from config.people.access import tenants_with
from config.people.memberships import require_keeper
from config.refusals import Forbidden, NotFound, Refused
from config.roles import KIND_OF, Right, Role, TenantKind

LASTS = timedelta(days=7)


class InvitationSpent(Refused):
    """Unknown, accepted, withdrawn and old ones answer alike."""

    code = "invitation_spent"
    status = 410
    title = "This invitation is no longer good"


class NoSuchInvitation(NotFound):
    code = "no_such_invitation"
    title = "No such invitation"


class OwnAddress(Refused):
    code = "own_address"
    status = 403
    title = "Nobody invites themselves to another role"


class AlreadyMember(Refused):
    code = "already_member"
    status = 409
    title = "This person works there already"


class SignInFirst(Refused):
    """The address belongs to somebody with a password: only that person may accept."""

    code = "sign_in_first"
    status = 409
    title = "Sign in to accept"


def invitations_visible_to(user: User, *, at: datetime) -> QuerySet[Invitation]:
    """Return the open invitations of the tenants whose staff ``user`` looks after."""
    reach = tenants_with(user=user, right=Right.INVITE_STAFF)
    rows = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=at)
    return rows if reach.everything else rows.filter(tenant__in=reach.references)


@transaction.atomic
def invite(
    *,
    by: User | None,
    actor: Actor,
    email: str,
    name: str,
    role: Role,
    tenant: str,
    at: datetime,
) -> Invitation:
    """Mail somebody a one-time way in as ``role`` at ``tenant`` ("" for the platform), for 7 days.

    An open invitation of the same address to the same tenant ends. ``by``: who invites; None stands
    for the operator at the command line. The role says which kind of tenant it is for, so that a
    merchant cannot make somebody issuer staff.

    :raises Forbidden: ``by`` does not look after that tenant's staff
    :raises UnknownTenant: the role's kind of tenant has none of that reference
    :raises AlreadyMember: a live membership there has that address
    :raises OwnAddress: nobody gives a role to themselves
    """
    kind, email = KIND_OF[role], email.strip().lower()
    require_keeper(user=by, kind=kind, tenant=tenant)
    if by is not None and by.email.lower() == email:
        raise OwnAddress
    place = tenants.find(kind=kind, reference=tenant)
    here = {"tenant_kind": kind, "tenant": tenant}
    if Membership.objects.filter(user__email__iexact=email, ended_at=None, **here).exists():
        raise AlreadyMember(_("%(email)s works there already.") % {"email": email})
    Invitation.objects.filter(
        email__iexact=email, accepted_at=None, withdrawn_at=None, **here
    ).update(withdrawn_at=at)
    token, token_hash = tokens.new()
    invitation = Invitation.objects.create(
        token_hash=token_hash,
        email=email,
        name=name.strip(),
        role=role,
        invited_by=by,
        created_at=at,
        expires_at=at + LASTS,
        **here,
    )
    _tell(invitation, action="invitation.send", actor=actor, at=at)
    mails.send(
        to=email,
        template="invitation",
        name=invitation.name,
        token=token,
        tenant=place.name,
        role=role.label,
        inviter=by,
        days=LASTS.days,
    )
    return invitation


@transaction.atomic
def withdraw(*, invitation_id: int, by: User | None, actor: Actor, at: datetime) -> None:
    """Take an open invitation back.

    :raises NoSuchInvitation: it was accepted, withdrawn, or is another tenant's
    """
    rows = Invitation.objects.select_for_update().filter(accepted_at=None, withdrawn_at=None)
    invitation = rows.filter(pk=invitation_id).first()
    if invitation is None:
        raise NoSuchInvitation(_("That invitation is not open any more."))
    require_keeper(user=by, kind=invitation.tenant_kind, tenant=invitation.tenant)
    invitation.withdrawn_at = at
    invitation.save(update_fields=["withdrawn_at"])
    _tell(invitation, action="invitation.withdraw", actor=actor, at=at)


def find(*, token: str, at: datetime, lock: bool = False) -> Invitation:
    """Return the open invitation behind ``token``.

    :raises InvitationSpent: unknown, accepted, withdrawn or too old
    """
    rows = Invitation.objects.select_for_update() if lock else Invitation.objects.all()
    invitation = rows.filter(
        token_hash=tokens.hash_of(token), accepted_at=None, withdrawn_at=None, expires_at__gt=at
    ).first()
    if invitation is None:
        raise InvitationSpent(_("Ask whoever invited you for a new one."))
    return invitation


def guest_of(*, invitation: Invitation) -> User | None:
    """Return the person who already works somewhere under the invited address."""
    return User.objects.filter(email__iexact=invitation.email, is_active=True).first()


@transaction.atomic
def accept(*, token: str, name: str, password: str, actor: Actor, at: datetime) -> tuple[User, str]:
    """Make the person a member with a password, and return the token to set up the second factor.

    Somebody who left and comes back starts anew, with a new password and second factor.

    :raises InvitationSpent: unknown, accepted, withdrawn or too old
    :raises SignInFirst: the address has a password; ``join`` is for that person
    :raises WeakPassword: the invitation stays good for another try
    """
    invitation = find(token=token, at=at, lock=True)
    if guest_of(invitation=invitation) is not None:
        raise SignInFirst(_("You have a password here: sign in, then open the invitation again."))
    user = User.objects.filter(email__iexact=invitation.email).first()
    user = user or User(email=invitation.email, time_zone=_zone_of(invitation))
    user.name, user.is_active, user.left_at = name.strip(), True, None
    passwords.put(user=user, password=password)
    user.save()
    Authenticator.objects.filter(user=user).delete()
    RecoveryCodes.objects.filter(user=user).delete()
    _admit(invitation, user=user, actor=actor, at=at)
    return user, links.issue(user=user, purpose=links.Purpose.SECOND_FACTOR, at=at)


@transaction.atomic
def join(*, token: str, user: User, actor: Actor, at: datetime) -> Membership:
    """Make who is signed in a member of one more tenant.

    :raises InvitationSpent: unknown, accepted, withdrawn or too old
    :raises Forbidden: it was sent to somebody else
    """
    invitation = find(token=token, at=at, lock=True)
    if invitation.email.lower() != user.email.lower():
        raise Forbidden(_("This invitation was sent to somebody else."))
    return _admit(invitation, user=user, actor=actor, at=at)


def _admit(invitation: Invitation, *, user: User, actor: Actor, at: datetime) -> Membership:
    invitation.accepted_at = at
    invitation.save(update_fields=["accepted_at"])
    membership = Membership.objects.create(
        user=user,
        role=invitation.role,
        tenant_kind=invitation.tenant_kind,
        tenant=invitation.tenant,
        created_at=at,
    )
    audit.record(
        actor=Actor(
            kind="USER", name=str(user.pk), address=actor.address, request_id=actor.request_id
        ),
        action="invitation.accept",
        subject_kind="Membership",
        subject=str(membership.pk),
        tenant=membership.tenant,
        at=at,
        after={"user": user.pk, "role": membership.role},
    )
    return membership


def _zone_of(invitation: Invitation) -> str:
    if invitation.tenant_kind == TenantKind.PLATFORM:
        return User().time_zone  # the model's default
    return tenants.find(kind=invitation.tenant_kind, reference=invitation.tenant).time_zone


def _tell(invitation: Invitation, *, action: str, actor: Actor, at: datetime) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="Invitation",
        subject=str(invitation.pk),
        tenant=invitation.tenant,
        at=at,
        after={"role": invitation.role},
    )
