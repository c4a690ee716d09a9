"""What issuers and the platform find in the navigation of cards and blacklists."""

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import Membership, User
from config.portal.nav import NavItem
from config.roles import Right, TenantKind, allows


def items(*, user: User, membership: Membership) -> list[NavItem]:
    """Return the entries that ``membership`` may open; the platform chooses an issuer first."""
    if membership.tenant_kind == TenantKind.PLATFORM:
        if not allows(membership=membership, right=Right.SEE_BLACKLIST):
            return []
        url = reverse("issuer-list")
        return [NavItem(group=_("Set up"), url=url, label=_("Issuers"), icon="card", order=49)]
    if membership.tenant_kind != TenantKind.ISSUER:
        return []
    risk, work = _("Risk"), _("Operations")
    entries = (
        (Right.SEE_BLACKLIST, risk, "blacklist", _("Blacklist"), "blacklist", 10, "b"),
        (Right.SEE_BLACKLIST, risk, "distribution", _("Distribution"), "spread", 11, "d"),
        (Right.SEE_CARDS, risk, "undelivered", _("Undelivered"), "offline", 12, "u"),
        (Right.SEE_BLACKLIST, risk, "card-file-list", _("Card files"), "import", 13, "i"),
        (Right.SEE_CARDS, risk, "debts", _("Debts"), "cash", 14, ""),
        (Right.SEE_CARDS, work, "authorisation-list", _("Authorisations"), "sales", 20, "y"),
        (Right.SEE_CARDS, work, "card-list", _("Cards"), "card", 20, "c"),
        (Right.SEE_CARDS, work, "issuer-devices", _("Devices"), "device", 21, "v"),
        (Right.SEE_CARDS, work, "certificate-requests", _("Phones asking"), "queue", 21, "k"),
        (Right.SEE_CARDS, work, "programme-list", _("Programmes"), "limit", 22, "p"),
    )
    return [
        NavItem(
            group=group,
            url=reverse(name, args=[membership.tenant]),
            label=label,
            icon=icon,
            order=order,
            key=key,
        )
        for right, group, name, label, icon, order, key in entries
        if allows(membership=membership, right=right)
    ]
