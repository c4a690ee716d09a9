"""What customers' benefits are called."""

from collections.abc import Collection

from benefits.models import Holding


def of_holdings(*, references: Collection[str]) -> dict[str, str]:
    """Return the names of the definitions behind holdings, by reference; unknown ones left out."""
    if not references:
        return {}
    rows = Holding.objects.filter(reference__in=references)
    return dict(rows.values_list("reference", "definition__name"))
