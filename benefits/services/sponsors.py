"""Sponsors, and what each bears of what a benefit gave."""

from collections.abc import Sequence
from datetime import datetime

from benefits.models import CostShare, Sponsor
from benefits.rules.split import in_parts
from config import references


def of(*, kind: Sponsor.Kind, owner: str, name: str, at: datetime) -> Sponsor:
    """Return the sponsor who is ``owner``, a merchant's or issuer's reference; made if missing."""
    sponsor, _made = Sponsor.objects.get_or_create(
        kind=kind,
        owner=owner,
        defaults={"reference": references.new("SPO"), "name": name, "created_at": at},
    )
    return sponsor


def brand(*, name: str, at: datetime) -> Sponsor:
    """Return the brand of that name, which belongs to nobody here; made if missing."""
    known = Sponsor.objects.filter(kind=Sponsor.Kind.BRAND, name=name).order_by("pk").first()
    if known is not None:
        return known
    reference = references.new("SPO")
    return Sponsor.objects.create(
        reference=reference, kind=Sponsor.Kind.BRAND, owner=reference, name=name, created_at=at
    )


def borne(*, amount_minor: int, shares: Sequence[CostShare]) -> list[tuple[Sponsor, int]]:
    """Return what each sponsor bears of ``amount_minor``, to the minor unit, by sponsor.

    :param shares: of one definition, with their sponsors
    """
    in_order = sorted(shares, key=lambda share: share.sponsor_id)
    parts = in_parts(amount_minor, [share.bps for share in in_order])
    return [(share.sponsor, part) for share, part in zip(in_order, parts, strict=True)]
