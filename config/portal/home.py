"""The first page of each role: what needs the person, then what the person's desk measures.

Each entry of ``settings.HOME`` names a module with two functions, both of them optional to fill:

``tiles(*, user, membership, at) -> list[Tile]``
    figures of the person's tenant, at most three a module;
``attention(*, user, membership, at) -> list[Attention]``
    what somebody must do something about, one action each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from config.models import Membership, User
from config.people import tenants
from config.people.access import SignedInRequest

TILES_MAX = 5  # the design puts three to five in a row
WORST_FIRST = ("bad", "warn", "offline", "info", "neutral", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure (``components/tiles.html``): ``note`` says of how many and since when.

    ``trend``: earlier values, oldest first; fewer than two draw nothing. ``value``: None is "none".
    """

    label: str
    value: str | None
    unit: str = ""
    note: str = ""
    trend: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Something that needs somebody (``components/attention.html``): one sentence, one action."""

    tone: str  # ok warn bad info offline neutral
    title: str
    detail: str = ""
    url: str = ""
    action: str = ""


class Desk(Protocol):
    """What a module of ``settings.HOME`` offers."""

    def tiles(self, *, user: User, membership: Membership, at: datetime) -> list[Tile]: ...

    def attention(self, *, user: User, membership: Membership, at: datetime) -> list[Attention]: ...


def desks() -> list[Desk]:
    """Return the modules that ``settings.HOME`` names."""
    return [cast("Desk", import_module(name)) for name in settings.HOME]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the role's answer: the worst first, then the figures."""
    person = cast("SignedInRequest", request)
    told: dict[str, object] = {"memberships": _workplaces(person)}
    if person.membership is not None:
        asked: Any = {"user": person.user, "membership": person.membership, "at": timezone.now()}
        waiting = [item for desk in desks() for item in desk.attention(**asked)]
        told["waiting"] = sorted(waiting, key=lambda item: WORST_FIRST.index(item.tone))
        tiles = [tile for desk in desks() for tile in desk.tiles(**asked)]
        told["tiles"] = tiles[:TILES_MAX]
    return render(request, "home/home.html", told)


def _workplaces(request: SignedInRequest) -> list[tuple[Membership, str]]:
    """Return the person's tenants by name, if there is a choice."""
    if len(request.memberships) < 2:
        return []
    return [(m, place.name) for m in request.memberships if (place := tenants.of(membership=m))]
