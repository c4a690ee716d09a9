"""What the floor puts on the first page: open alerts, and what the person's own account needs."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import Alert, Membership, User
from config.people import access, invitations, memberships, recovery_codes
from config.people.trail import audits_visible_to
from config.portal.home import Attention, Tile
from config.roles import Right, TenantKind

ALERTS_SHOWN = 5
FEW_CODES = 3


def tiles(*, user: User, membership: Membership, at: datetime) -> list[Tile]:
    """Return who works here and what was done today, for the roles that look after it."""
    found = []
    if access.may(membership=membership, right=Right.INVITE_STAFF):
        staff = memberships.memberships_visible_to(user).count()
        open_ones = invitations.invitations_visible_to(user, at=at).count()
        note = _("%(count)s invited and not here yet") % {"count": open_ones}
        found.append(Tile(label=_("Staff"), value=f"{staff:,}", note=note))
    if access.may(membership=membership, right=Right.SEE_AUDIT):
        acts = audits_visible_to(user).filter(at__gte=at - timedelta(days=1)).count()
        note = _("written to the audit trail in 24 h")
        found.append(Tile(label=_("Acts"), value=f"{acts:,}", note=note))
    return found


def attention(*, user: User, membership: Membership, at: datetime) -> list[Attention]:
    """Return the tenant's open alerts, oldest first, and a warning when recovery codes run out."""
    alerts = Alert.objects.filter(cleared_at=None).order_by("raised_at")
    if membership.tenant_kind != TenantKind.PLATFORM:
        alerts = alerts.filter(tenant=membership.tenant)
    found = [Attention(tone="warn", title=alert.detail) for alert in alerts[:ALERTS_SHOWN]]
    left = recovery_codes.left(user=user)
    if left is not None and left < FEW_CODES:
        found.append(
            Attention(
                tone="info",
                title=_("%(count)s recovery codes left") % {"count": left},
                detail=_("They open your account when your phone is lost."),
                url=reverse("recovery-codes"),
                action=_("Make new ones"),
            )
        )
    return found
