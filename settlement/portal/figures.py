"""The figures of a shop's day: above its live list, and on its first page."""

from django.utils.translation import gettext as _

from config import money
from config.portal.home import Tile
from settlement.selectors.sales import REFUSED_DAYS, Taken, Today


def taken(of: Taken) -> Tile:
    """Return what was taken today in one currency, with its trend."""
    note = _("Sales: %(sales)s, reversed: %(reversals)s, refunds: %(refunds)s")
    told = {"sales": of.sales, "reversals": of.reversals, "refunds": of.refunds}
    return Tile(
        label=_("Taken today"),
        value=money.text(of.net_minor, of.currency),
        unit=of.currency,
        note=note % {name: f"{number:,}" for name, number in told.items()},
        trend=of.trend,
    )


def waiting(today: Today, *, currency: str) -> Tile:
    """Return how many requests a customer may still pay, and their sum in the shop's currency."""
    return Tile(
        label=_("Waiting now"),
        value=f"{today.waiting:,}",
        note=_("for %(amount)s") % {"amount": money.Money(today.waiting_minor, currency)},
    )


def queued(today: Today) -> Tile:
    """Return how many records the shop's devices still hold, as they last said."""
    note = _("as %(telling)s of %(readers)s devices last said")
    return Tile(
        label=_("Queued on readers"),
        value=f"{today.queued:,}" if today.telling else None,
        note=note % {"telling": today.telling, "readers": today.active},
    )


def posting(today: Today) -> Tile:
    """Return how many batches are being posted, and how many were refused lately."""
    note = _("refused in %(days)s days: %(refused)s")
    return Tile(
        label=_("Batches being posted"),
        value=f"{today.posting:,}",
        note=note % {"days": REFUSED_DAYS, "refused": f"{today.refused:,}"},
    )
