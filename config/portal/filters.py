"""Lists in the address: views as tabs, filters as chips, each a link that keeps the rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise

from config.paging import address

type _Word = str | Promise


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view of a list, which is a link (``components/tabs.html``)."""

    url: str
    label: _Word
    current: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, with the address without it (``components/chips.html``)."""

    key: str
    value: str
    remove_url: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A filter that can be added: its name, and a link for each of its values."""

    label: str
    links: list[tuple[str, str]]


def view_of(request: HttpRequest, views: Iterable[str]) -> str:
    """Return the view the address asks for; the first of ``views`` where it names none of them."""
    known = list(views)
    asked = request.GET.get("view", "")
    return asked if asked in known else known[0]


def typed(request: HttpRequest, name: str, *, most: int = 64) -> str:
    """Return what somebody typed, up to ``most`` characters."""
    return request.GET.get(name, "").strip()[:most]


def said(request: HttpRequest, name: str, *, most: int = 200) -> str:
    """Return the words of a field outside any form, up to ``most`` characters and with no NUL."""
    return request.POST.get(name, "").replace("\0", "").strip()[:most]


def tabs(
    request: HttpRequest,
    *,
    labels: Mapping[str, _Word],
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


def chips_of(
    request: HttpRequest, *, names: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
) -> list[Chip]:
    """Return the filters in force: ``names`` of parameters, and what their values are called."""
    return [
        chip(request, name, label, values[name][asked])
        for name, label in names.items()
        if (asked := request.GET.get(name, "")) in values[name]
    ]


def offers_of(
    request: HttpRequest, *, names: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
) -> list[Offer]:
    """Return the filters that are not in force, each value with the address that adds it."""
    return [
        Offer(label, [(word, address(request, **{name: value})) for value, word in found.items()])
        for name, label in names.items()
        if (found := values[name]) and request.GET.get(name, "") not in found
    ]


def kept(request: HttpRequest, *names: str) -> list[tuple[str, str]]:
    """Return the parameters that a form of the list carries along."""
    return [(name, value) for name in names if (value := request.GET.get(name, ""))]
