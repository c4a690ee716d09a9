"""The side navigation: what the apps offer a person, put together by ``settings.NAV``.

Each entry of ``settings.NAV`` names a function ``items(*, user, membership) -> list[NavItem]``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from config.models import Membership, User
from config.roles import Right, allows


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    """One entry. ``order`` sorts all entries; a group stands where its first entry does.

    ``icon``: an id of ``img/icons.svg``. ``count``: what waits there, ``urgent`` if it must not.
    ``key``: the letter after ``g`` that leads there.
    """

    group: str
    url: str
    label: str
    icon: str
    count: int | None = None
    order: int = 50
    urgent: bool = False
    key: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Entries under one heading ("" for none)."""

    title: str
    items: list[NavItem] = field(default_factory=list)


Offer = Callable[..., Sequence[NavItem]]


def groups(*, user: User, membership: Membership, path: str) -> list[NavGroup]:
    """Return the navigation of ``membership``; the entry that ``path`` lies under is current."""
    offers: list[Offer] = [import_string(name) for name in settings.NAV]
    found = [item for offer in offers for item in offer(user=user, membership=membership)]
    here = max(
        (item.url for item in found if path == item.url or path.startswith(f"{item.url}/")),
        key=len,
        default=None,
    )
    placed: dict[str, NavGroup] = {}
    for item in sorted(found, key=lambda item: item.order):
        group = placed.setdefault(item.group, NavGroup(item.group))
        group.items.append(replace(item, current=item.url == here))
    return list(placed.values())


def items(*, user: User, membership: Membership) -> list[NavItem]:
    """Return the entries of the floor: first page, staff, audit trail, the demo's mailbox."""
    people, demo = _("People and proof"), _("Demo")
    entries = [NavItem(group="", url="/", label=_("Overview"), icon="overview", order=0, key="h")]
    if allows(membership=membership, right=Right.INVITE_STAFF):
        entries.append(_entry(people, "staff", _("Staff"), "staff", order=80))
    if allows(membership=membership, right=Right.SEE_AUDIT):
        entries.append(_entry(people, "audit", _("Audit"), "audit", order=81, key="a"))
    if settings.DEMO:
        entries.append(_entry(demo, "mailbox", _("Mailbox"), "copy", order=90))
        entries.append(_entry(demo, "styleguide", _("Styleguide"), "columns", order=91))
    return entries


def _entry(group: str, name: str, label: str, icon: str, *, order: int, key: str = "") -> NavItem:
    return NavItem(group=group, url=reverse(name), label=label, icon=icon, order=order, key=key)
