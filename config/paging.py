"""Keyset pages: a list is cut by the last id seen, so that page 1,000 costs what page 1 does."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

SIZE = 50
EXACT_UP_TO = 10_000
CURSORS = ("after", "before")
AS_FILE = {"as": "csv"}  # what asks for a list as a file, all of it


@dataclass(frozen=True, slots=True)
class Page[Row: Model]:
    """One page of a list, newest first, with the addresses of its neighbours ("" at the ends).

    ``file``: the address of the whole list as CSV.
    """

    rows: list[Row]
    previous: str
    next: str
    says: str
    file: str


def newest_first[Row: Model](
    *, rows: QuerySet[Row], request: HttpRequest, size: int = SIZE
) -> Page[Row]:
    """Return the page of ``rows`` that ``?after=<id>`` or ``?before=<id>`` asks for, by ``-id``.

    Two queries: the rows, and a count that stops at 10,000.
    """
    after, before = cursor_of(request, "after"), cursor_of(request, "before")
    if before is not None:
        found = list(reversed(rows.filter(id__gt=before).order_by("id")[: size + 1]))
        more_above, more_below = len(found) > size, True
        found = found[-size:]
    else:
        below = rows if after is None else rows.filter(id__lt=after)
        found = list(below.order_by("-id")[: size + 1])
        more_above, more_below = after is not None, len(found) > size
        found = found[:size]
    return Page(
        rows=found,
        previous=address(request, before=str(found[0].pk)) if found and more_above else "",
        next=address(request, after=str(found[-1].pk)) if found and more_below else "",
        says=says_of(rows),
        file=address(request, **AS_FILE),
    )


def says_of(rows: QuerySet[Any]) -> str:
    """Return in words how many rows a list has; above 10,000 nobody counts on."""
    # By the key alone: what a row is annotated with is not worked out to count it.
    count = rows.order_by().values("pk")[: EXACT_UP_TO + 1].count()
    if count > EXACT_UP_TO:
        return _("More than 10,000 in all")
    return _("%(count)s in all") % {"count": f"{count:,}"}


def cursor_of(request: HttpRequest, name: str) -> int | None:
    """Return the id that the cursor ``name`` of the address holds, None where it holds none."""
    typed = request.GET.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None


def address(request: HttpRequest, **changed: str) -> str:
    """Return the page's query with ``changed`` (an empty value takes one away), without cursor."""
    query = {key: value for key, value in request.GET.items() if key not in CURSORS} | changed
    return f"?{urlencode({key: value for key, value in query.items() if value})}"
