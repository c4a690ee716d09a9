"""Lists that can be sorted: keyset pages in the order that ``?sort=`` asks for."""

from collections.abc import Mapping

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from config.paging import AS_FILE, SIZE, Page, address, cursor_of, says_of


def in_order[Row: Model](
    *,
    rows: QuerySet[Row],
    whole: QuerySet[Row],
    request: HttpRequest,
    sorts: Mapping[str, str],
    default: str = "-id",
    size: int = SIZE,
) -> Page[Row]:
    """Return the page of ``rows`` after or before the row whose id the address names.

    ``whole``: all rows of the tenant, ``rows`` those of them that the filter takes: the cursor's
    row may have left the filter, but another tenant's row must tell nothing of where it stands.
    ``sorts`` maps words of the address to columns that are never null; a minus in front turns the
    order round, and rows of one value stand in the order of their ids. Two queries, three behind
    the first page.
    """
    field, falls = _asked(request, sorts, default)
    after, before = cursor_of(request, "after"), cursor_of(request, "before")
    backwards = before is not None
    cursor = before if before is not None else after
    downwards = falls != backwards
    sign = "-" if downwards else ""
    found = rows if cursor is None else rows.filter(_beyond(whole, field, cursor, downwards))
    cut = list(found.order_by(f"{sign}{field}", f"{sign}id")[: size + 1])
    more, shown = len(cut) > size, cut[:size]
    if backwards:
        shown.reverse()
    above = more if backwards else after is not None
    below = True if backwards else more
    return Page(
        rows=shown,
        previous=address(request, before=str(shown[0].pk)) if shown and above else "",
        next=address(request, after=str(shown[-1].pk)) if shown and below else "",
        says=says_of(rows),
        file=address(request, **AS_FILE),
    )


def _asked(request: HttpRequest, sorts: Mapping[str, str], default: str) -> tuple[str, bool]:
    word = request.GET.get("sort", "")
    column = sorts.get(word.lstrip("-"))
    if column is None:
        return default.lstrip("-"), default.startswith("-")
    return column, word.startswith("-")


def _beyond[Row: Model](whole: QuerySet[Row], field: str, cursor: int, downwards: bool) -> Q:
    """Return what stands behind the cursor's row, which may have left the filter meanwhile."""
    step = "lt" if downwards else "gt"
    if field == "id":
        return Q(**{f"id__{step}": cursor})
    value = whole.filter(pk=cursor).values_list(field, flat=True).first()
    if value is None:
        return Q()
    return Q(**{f"{field}__{step}": value}) | Q(**{field: value, f"id__{step}": cursor})
