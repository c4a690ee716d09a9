"""Which version of the list carries a card's newest change."""

from django.db.models import Max
from django.db.models.functions import Greatest

from issuers.models import BlacklistVersion, Card, ListedNumber


def carried_in(*, card: Card) -> int:
    """Return the list version with the newest change of ``card``.

    The newest version of its issuer where the card never had a number on the list; 0 before any.
    """
    listed = ListedNumber.objects.filter(entry__card=card)
    newest: int | None = listed.aggregate(newest=Max(Greatest("added_in", "removed_in")))["newest"]
    if newest is None:
        published = BlacklistVersion.objects.filter(issuer=card.issuer_id)
        newest = published.aggregate(newest=Max("version"))["newest"]
    return newest or 0
