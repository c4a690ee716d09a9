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
        if merchant and allows(membership=membership, right=Right.TAKE_PAYMENTS):
            found.append(_till(membership))
        if merchant:
            found.append(_of_tenant(group, membership, "atm-list", _("ATMs"), "cash", order=20))
        found.append(_entry(group, "merchant-days", _("Business days"), "statement", order=23))
    if takes and allows(membership=membership, right=Right.SEE_PAYOUTS):
        found.append(_entry(group, "payout-list", _("Payouts"), "cash", order=27))
        found.append(_entry(group, "merchant-report", _("Offline report"), "sales", order=28))
    if allows(membership=membership, right=Right.SEE_BATCHES):
        found.append(_entry(group, "batch-list", _("Batches"), "batch", order=22, key="b"))
        found += _queues(group, membership)
    return found


def _queues(group: str, membership: Membership) -> list[NavItem]:
    """Return where things wait for somebody; how many is told by the first page, for a count here
    would cost each page a query."""
    offline = _entry(group, "merchant-offline", _("Offline queue"), "queue", order=24, key="q")
    if membership.tenant_kind == TenantKind.MERCHANT:
        return [offline]
    if membership.tenant_kind == TenantKind.ISSUER:
        return [
            NavItem(group=group, url=url, label=label, icon=icon, order=order, key=key)
            for url, label, icon, order, key in (
                (_at(membership, "preapproval-list"), _("Pre-approvals"), "cash", 23, "n"),
                (_at(membership, "suspense-list"), _("Suspense"), "clock", 24, "s"),
                (_at(membership, "exceptions"), _("Exceptions"), "exception", 25, "x"),
                (_at(membership, "disputes"), _("Disputes"), "statement", 26, ""),
            )
        ]
    return [offline, _entry(group, "queues", _("Exceptions"), "exception", order=25, key="x")]


def _till(membership: Membership) -> NavItem:
    url = _at(membership, "till")
    return NavItem(group="", url=url, label=_("Till"), icon="till", order=6, key="p")


def _of_tenant(
    group: str, membership: Membership, name: str, label: str, icon: str, *, order: int
) -> NavItem:
    return NavItem(group=group, url=_at(membership, name), label=label, icon=icon, order=order)


def _at(membership: Membership, name: str) -> str:
    return reverse(name, args=[membership.tenant])


def _entry(group: str, name: str, label: str, icon: str, *, order: int, key: str = "") -> NavItem:
    return NavItem(group=group, url=reverse(name), label=label, icon=icon, order=order, key=key)
