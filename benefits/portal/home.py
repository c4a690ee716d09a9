"""What benefits put on the first page of who pays for them."""

from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from benefits.models import Definition
from benefits.selectors import campaigns
from config.models import Membership, User
from config.portal.home import Attention, Tile
from config.roles import Right, TenantKind, allows

SHOWN: Final = 3
NEARLY_BPS: Final = 8_000  # of a budget


def tiles(*, user: User, membership: Membership, at: datetime) -> list[Tile]:
    """Return how many campaigns are out, to a brand, whose first page has nothing else."""
    if membership.tenant_kind != TenantKind.SPONSOR:
        return []
    rows = campaigns.campaigns_of(owner=membership.tenant)
    out = rows.filter(state=Definition.State.PUBLISHED).count()
    drafts = rows.filter(state=Definition.State.DRAFT).count()
    note = _("%(count)s drafts wait to be published") % {"count": drafts}
    return [Tile(label=_("Campaigns out"), value=f"{out:,}", note=note)]


def attention(*, user: User, membership: Membership, at: datetime) -> list[Attention]:
    """Return the campaigns whose budget is spent, or nearly: three at most, the fullest first."""
    if membership.tenant_kind == TenantKind.PLATFORM or not allows(
        membership=membership, right=Right.EDIT_BENEFITS
    ):
        return []
    full = campaigns.fullest_of(owner=membership.tenant, least_bps=NEARLY_BPS, limit=SHOWN)
    return [
        Attention(
            tone="bad" if used >= 10_000 else "warn",
            title=_("“%(name)s” has used %(share)s %% of its budget")
            % {"name": row.name, "share": used // 100},
            detail=_("It stops by itself at the end."),
            url=reverse("campaign", args=[membership.tenant, row.reference]),
            action=_("Look at it"),
        )
        for row, used in full
    ]
