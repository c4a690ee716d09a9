"""Keyset pages: a list is cut by the last id seen, so that page 1,000 costs what page 1 does."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

SIZE = 50
EXACT_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Page[Row: Model]:
    """One page of a list, newest first, with the addresses of its neighbours ("" at the ends)."""

    rows: list[Row]
    previous: str
    next: str
    says: str


def newest_first[Row: Model](
    *, rows: QuerySet[Row], request: HttpRequest, size: int = SIZE
) -> Page[Row]:
    """Return the page of ``rows`` that ``?after=<id>`` or ``?before=<id>`` asks for, by ``-id``.

    Two queries: the rows, and a count that stops at 10,000.
    """
    after, before = _cursor(request, "after"), _cursor(request, "before")
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
        previous=_address(request, "before", found[0].pk) if found and more_above else "",
        next=_address(request, "after", found[-1].pk) if found and more_below else "",
        says=_says(rows),
    )


def _says(rows: QuerySet[Model]) -> str:
    count = rows.order_by()[: EXACT_UP_TO + 1].count()
    if count > EXACT_UP_TO:
        return _("More than 10,000 in all")
    return _("%(count)s in all") % {"count": f"{count:,}"}


def _cursor(request: HttpRequest, name: str) -> int | None:
    typed = request.GET.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None


def _address(request: HttpRequest, cursor: str, pk: int) -> str:
    kept = {k: v for k, v in request.GET.items() if k not in ("after", "before")}
    return f"?{urlencode(kept | {cursor: str(pk)})}"
