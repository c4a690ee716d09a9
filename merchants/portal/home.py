"""What a shop's set-up puts on its first page: webhooks that were paused for failing."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import Membership, User
from config.portal.home import Attention, Tile
from config.roles import Right, TenantKind, allows
from merchants.selectors import webhooks


def tiles(*, user: User, membership: Membership, at: datetime) -> list[Tile]:
    """Return none: what a shop measures is settlement's to say."""
    return []


def attention(*, user: User, membership: Membership, at: datetime) -> list[Attention]:
    """Return that webhooks were paused because nobody took their messages."""
    edits = allows(membership=membership, right=Right.EDIT_SHOP)
    if membership.tenant_kind != TenantKind.MERCHANT or not edits:
        return []
    count = webhooks.paused_by_itself(merchant=membership.tenant)
    if not count:
        return []
    return [
        Attention(
            tone="bad",
            title=_("Webhooks paused, for nobody took their messages: %(count)s")
            % {"count": f"{count:,}"},
            detail=_("Events wait; resume them once your server answers."),
            url=reverse("webhook-list", args=[membership.tenant]),
            action=_("Open them"),
        )
    ]
