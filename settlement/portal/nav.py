"""What the settlement pages add to the navigation."""

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import Membership, User
from config.portal.nav import NavItem
from config.roles import Right, TenantKind, allows


def items(*, user: User, membership: Membership) -> list[NavItem]:
    """Return the entries that ``membership`` may open: shops also find their sales."""
    merchant = membership.tenant_kind == TenantKind.MERCHANT
    group = _("Shop") if merchant else _("Settlement")
    found = []
    takes = merchant or membership.tenant_kind == TenantKind.PLATFORM
    if takes and allows(membership=membership, right=Right.SEE_PAYMENTS):
        found.append(_entry("", "payment-live", _("Live sales"), "sales", order=5, key="t"))
        found.append(_entry(group, "merchant-days", _("Business days"), "statement", order=23))
    if allows(membership=membership, right=Right.SEE_BATCHES):
        found.append(_entry(group, "batch-list", _("Batches"), "batch", order=22, key="b"))
    return found


def _entry(group: str, name: str, label: str, icon: str, *, order: int, key: str = "") -> NavItem:
    return NavItem(group=group, url=reverse(name), label=label, icon=icon, order=order, key=key)
