"""What settlement puts on the first page of a shop, an issuer and the clearing desk."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from config.models import Membership, User
from config.portal.home import Attention, Tile
from config.roles import Right, TenantKind, allows
from config.templatetags.figures import span
from merchants.selectors.shops import merchant_named
from settlement.portal import figures
from settlement.selectors import desks, readers, sales

LATE_S = 60  # a batch is posted within seconds; one that waits longer needs somebody


def tiles(*, user: User, membership: Membership, at: datetime) -> list[Tile]:
    """Return what the shop took today, or what waits at the issuer or the clearing desk."""
    if not allows(membership=membership, right=Right.SEE_PAYMENTS):
        return []
    if membership.tenant_kind == TenantKind.MERCHANT:
        return _shop_tiles(membership.tenant, at)
    open_items = desks.open_items(issuer=membership.tenant)
    note = _("missing counters: %(gaps)s") % {"gaps": f"{open_items.gaps:,}"}
    found = [
        Tile(label=_("Losses to explain"), value=f"{open_items.losses:,}", note=note),
        Tile(label=_("Open disputes"), value=f"{open_items.disputes:,}"),
    ]
    if membership.tenant_kind == TenantKind.PLATFORM:
        found.append(_uploads_tile(at))
    return found


def attention(*, user: User, membership: Membership, at: datetime) -> list[Attention]:
    """Return refused and late batches, and payments somebody else than the cardholder bears."""
    if not allows(membership=membership, right=Right.SEE_BATCHES):
        return []
    if membership.tenant_kind == TenantKind.ISSUER:
        return _issuer_attention(membership.tenant)
    found = _refused(membership.tenant, at)
    if membership.tenant_kind == TenantKind.MERCHANT:
        return found + _missing(membership.tenant) + _borne_by_shop(membership.tenant, at)
    return found


def _shop_tiles(reference: str, at: datetime) -> list[Tile]:
    today = sales.today_so_far(merchant=merchant_named(reference), at=at)
    return [*(figures.taken(of) for of in today.taken[:2]), figures.queued(today)]


def _uploads_tile(at: datetime) -> Tile:
    uploads = desks.uploads(at=at)
    note = _("refused in %(days)s days and not sent again: %(refused)s")
    return Tile(
        label=_("Batches being posted"),
        value=f"{uploads.waiting:,}",
        note=note % {"days": desks.LATELY_DAYS, "refused": f"{uploads.refused:,}"},
    )


def _refused(merchant: str, at: datetime) -> list[Attention]:
    """Return refused batches of the last days, and those nobody has posted for a minute."""
    uploads = desks.uploads(at=at, merchant=merchant)
    found = []
    if uploads.refused:
        found.append(
            Attention(
                tone="bad",
                title=_("Batches refused and not sent again: %(count)s")
                % {"count": f"{uploads.refused:,}"},
                detail=_("Nothing of them was posted; the reader keeps its records."),
                url=f"{reverse('batch-list')}?view=refused",
                action=_("Open them"),
            )
        )
    if uploads.oldest and (waited := (at - uploads.oldest).total_seconds()) > LATE_S:
        found.append(
            Attention(
                tone="warn",
                title=_("A batch has waited %(span)s to be posted") % {"span": span(waited)},
                detail=_("Waiting in all: %(count)s") % {"count": f"{uploads.waiting:,}"},
                url=f"{reverse('batch-list')}?view=posting",
                action=_("Open them"),
            )
        )
    return found


def _missing(merchant: str) -> list[Attention]:
    count = readers.readers_with_missing(merchant=merchant)
    if not count:
        return []
    return [
        Attention(
            tone="bad",
            title=_("Readers with a batch that has not come: %(count)s") % {"count": f"{count:,}"},
            detail=_("Later batches wait in the reader until the missing one is taken in."),
            url=reverse("merchant-offline"),
            action=_("Open the queue"),
        )
    ]


def _borne_by_shop(merchant: str, at: datetime) -> list[Attention]:
    count = desks.borne_by_shop(merchant=merchant, at=at)
    if not count:
        return []
    return [
        Attention(
            tone="warn",
            title=_("Sales of %(days)s days that your shop bears: %(count)s")
            % {"days": desks.LATELY_DAYS, "count": f"{count:,}"},
            detail=_("A reader approved a card that its own list held, or its list went back."),
            url=f"{reverse('payment-live')}?view=borne",
            action=_("Open them"),
        )
    ]


def _issuer_attention(issuer: str) -> list[Attention]:
    open_items = desks.open_items(issuer=issuer)
    found = []
    if parked := desks.in_suspense(issuer=issuer):
        found.append(
            Attention(
                tone="bad",
                title=_("Redemptions in suspense: %(count)s") % {"count": f"{parked:,}"},
                detail=_("A machine did not say what it paid out; the amounts stay held."),
                url=reverse("suspense-list", args=[issuer]),
                action=_("Decide them"),
            )
        )
    if open_items.disputes:
        found.append(
            Attention(
                tone="bad",
                title=_("Open disputes: %(count)s") % {"count": f"{open_items.disputes:,}"},
                detail=_("Two payments under one transaction counter; the cards are listed."),
                url=reverse("disputes", args=[issuer]),
                action=_("Open disputes"),
            )
        )
    if exceptions := open_items.gaps + open_items.losses:
        told = {"gaps": f"{open_items.gaps:,}", "losses": f"{open_items.losses:,}"}
        found.append(
            Attention(
                tone="warn",
                title=_("Exceptions to explain: %(count)s") % {"count": f"{exceptions:,}"},
                detail=_("Missing counters: %(gaps)s. Losses and others: %(losses)s.") % told,
                url=reverse("exceptions", args=[issuer]),
                action=_("Open the queue"),
            )
        )
    return found
