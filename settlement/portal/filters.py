"""Lists in the address: views as tabs, filters as chips, each a link that keeps the rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.functional import Promise

_CURSORS = ("after", "before")


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view of a list (``components/tabs.html``)."""

    url: str
    label: str | Promise
    current: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address without it (``components/chips.html``)."""

    key: str
    value: str
    remove_url: str


def view_of(request: HttpRequest, views: Iterable[str]) -> str:
    """Return the view the address asks for; "" for all and for one there is not."""
    asked = request.GET.get("view", "")
    return asked if asked in views else ""


def typed(request: HttpRequest, name: str, *, most: int = 64) -> str:
    """Return what somebody typed, up to ``most`` characters."""
    return request.GET.get(name, "").strip()[:most]


def tabs(
    request: HttpRequest,
    *,
    labels: Mapping[str, str | Promise],
    current: str,
    counts: Mapping[str, int] | None = None,
) -> list[Tab]:
    """Return a tab for each view; the filters stay on from one to the next."""
    counted = counts or {}
    return [
        Tab(address(request, view=name), label, name == current, counted.get(name))
        for name, label in labels.items()
    ]


def chip(request: HttpRequest, name: str, key: str, value: str) -> Chip:
    """Return the chip of the parameter ``name``, which reads ``key value``."""
    return Chip(key, value, address(request, **{name: ""}))


def kept(request: HttpRequest, *names: str) -> list[tuple[str, str]]:
    """Return the parameters a form of the list carries along."""
    return [(name, value) for name in names if (value := request.GET.get(name, ""))]


def address(request: HttpRequest, **changed: str) -> str:
    """Return the page's query with ``changed`` (an empty value takes one away), without cursor."""
    query = {key: value for key, value in request.GET.items() if key not in _CURSORS} | changed
    return f"?{urlencode({key: value for key, value in query.items() if value})}"
