"""What merchants and the platform find in the navigation of shops."""

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import Membership, User
from config.portal.nav import NavItem
from config.roles import Right, TenantKind, allows


def items(*, user: User, membership: Membership) -> list[NavItem]:
    """Return the entries that ``membership`` may open."""
    found: list[NavItem] = []
    if allows(membership=membership, right=Right.EDIT_MERCHANTS):
        found.append(
            NavItem(
                group=_("Set up"),
                url=reverse("merchant-list"),
                label=_("Merchants"),
                icon="till",
                order=50,
            )
        )
    if membership.tenant_kind == TenantKind.MERCHANT and allows(
        membership=membership, right=Right.EDIT_SHOP
    ):
        found += [
            NavItem(
                group=group,
                url=reverse(name, args=[membership.tenant]),
                label=label,
                icon=icon,
                order=order,
            )
            for group, name, label, icon, order in (
                (_("Shop"), "equipment-list", _("Terminals and readers"), "reader", 20),
                (_("Shop"), "relay-list", _("Relays"), "relay", 20),
                (_("Shop"), "store-list", _("Stores"), "shop", 21),
                (_("Set up"), "key-list", _("API keys"), "lock", 51),
                (_("Set up"), "webhook-list", _("Webhooks"), "hook", 53),
                (_("Set up"), "merchant-edit", _("Settings"), "gear", 59),
            )
        ]
    if membership.tenant_kind == TenantKind.MERCHANT and allows(
        membership=membership, right=Right.SEE_PAYOUTS
    ):
        found.append(
            NavItem(
                group=_("Set up"),
                url=reverse("agreement-list", args=[membership.tenant]),
                label=_("Fees"),
                icon="tag",
                order=52,
            )
        )
    return found
