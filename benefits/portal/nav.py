"""What sponsors of benefits find in the navigation; the platform finds all sponsors."""

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import Membership, User
from config.portal.nav import NavItem
from config.roles import Right, TenantKind, allows


def items(*, user: User, membership: Membership) -> list[NavItem]:
    """Return the entries that ``membership`` may open."""
    if not allows(membership=membership, right=Right.SEE_BENEFITS):
        return []
    group = _("Customers")
    if membership.tenant_kind == TenantKind.PLATFORM:
        url = reverse("sponsor-list")
        return [NavItem(group=group, url=url, label=_("Sponsors"), icon="tag", order=40)]
    entries = [("campaign-list", _("Campaigns"), "tag", "c")]
    if membership.tenant_kind == TenantKind.MERCHANT:
        entries.append(("earning-list", _("Earning rules"), "plus", ""))
    entries += [
        ("redemption-list", _("Redemptions"), "sales", ""),
        ("sponsor-statement", _("Sponsor statement"), "statement", ""),
    ]
    if allows(membership=membership, right=Right.GRANT_BENEFITS):
        entries.append(("holder-find", _("Holdings"), "card", ""))
    return [
        NavItem(
            group=group,
            url=reverse(name, args=[membership.tenant]),
            label=label,
            icon=icon,
            order=40 + place,
            key=key,
        )
        for place, (name, label, icon, key) in enumerate(entries)
    ]
