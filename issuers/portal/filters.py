"""Filters in the address of a list: views as tabs, and chips that take one filter away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest

CURSORS = ("after", "before")


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view of a list, which is a link (``components/tabs.html``)."""

    url: str
    label: str
    count: int | None
    current: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, with the address without it (``components/chips.html``)."""

    key: str
    value: str
    remove_url: str


def view_of(request: HttpRequest, names: Iterable[str]) -> str:
    """Return the view the address asks for; the first of ``names`` where it names none of them."""
    known = list(names)
    asked = request.GET.get("view", "")
    return asked if asked in known else known[0]


def tabs_of(
    request: HttpRequest, labels: Mapping[str, str], counts: Mapping[str, int], current: str
) -> list[Tab]:
    """Return one tab for each view; a filter stays in force from one tab to the next."""
    return [
        Tab(_address(request, view=name), label, counts.get(name), name == current)
        for name, label in labels.items()
    ]


def chips_of(
    request: HttpRequest, names: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
) -> list[Chip]:
    """Return the filters in force: ``names`` of parameters, and what their values are called."""
    return [
        Chip(label, values[name][asked], _address(request, **{name: ""}))
        for name, label in names.items()
        if (asked := request.GET.get(name, "")) in values[name]
    ]


def kept(request: HttpRequest, *names: str) -> list[tuple[str, str]]:
    """Return the parameters that a search form carries along."""
    return [(name, value) for name in names if (value := request.GET.get(name, ""))]


@dataclass(frozen=True, slots=True)
class Offer:
    """A filter that can be added: its name, and a link for each of its values."""

    label: str
    links: list[tuple[str, str]]


def offers_of(
    request: HttpRequest, names: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
) -> list[Offer]:
    """Return the filters that are not in force, each value with the address that adds it."""
    return [
        Offer(label, [(word, _address(request, **{name: value})) for value, word in found.items()])
        for name, label in names.items()
        if (found := values[name]) and request.GET.get(name, "") not in found
    ]


def _address(request: HttpRequest, **changed: str) -> str:
    query = {key: value for key, value in request.GET.items() if key not in CURSORS} | changed
    return f"?{urlencode({key: value for key, value in query.items() if value})}"
