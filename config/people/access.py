"""Who may do what: the role matrix applied to a person, to a request and to a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from config import addresses
from config.audit import Actor
from config.models import Membership, User
from config.refusals import Forbidden
from config.roles import MATRIX, Right, Role, TenantKind, allows


class SignedInRequest(HttpRequest):
    """A request of a page as ``config.middleware.SignedInPerson`` hands it on."""

    user: User
    membership: Membership | None  # the one the person works under now
    memberships: Sequence[Membership]  # all live ones
    request_id: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Tenants:
    """The tenants at which a person has a right: all of them, or those named."""

    everything: bool
    references: frozenset[str]


_KNOWN = "memberships_known"


def memberships_of(*, user: AbstractBaseUser | AnonymousUser) -> list[Membership]:
    """Return the live memberships of ``user``, oldest first; none of who left."""
    if not user.is_authenticated or not user.is_active:
        return []
    known: list[Membership] | None = getattr(user, _KNOWN, None)
    if known is not None:
        return known
    return list(Membership.objects.filter(user_id=user.pk, ended_at=None).order_by("pk"))


def know_memberships(*, user: AbstractBaseUser | AnonymousUser) -> list[Membership]:
    """Return the live memberships and keep them on ``user`` for the rest of the request.

    For the request's own user object alone: what lives longer, such as a socket, must ask anew.
    """
    found = memberships_of(user=user)
    setattr(user, _KNOWN, found)
    return found


def tenants_with(*, user: AbstractBaseUser | AnonymousUser, right: Right) -> Tenants:
    """Return where ``user`` has ``right``: each ``…_visible_to`` starts from it.

    A role of the platform has its rights at every tenant.
    """
    granting = [m for m in memberships_of(user=user) if allows(membership=m, right=right)]
    return Tenants(
        everything=any(m.tenant_kind == TenantKind.PLATFORM for m in granting),
        references=frozenset(m.tenant for m in granting if m.tenant),
    )


def may(*, membership: Membership | None, right: Right) -> bool:
    """Return whether a page shown under ``membership`` offers what needs ``right``."""
    return membership is not None and allows(membership=membership, right=right)


def require(*, request: HttpRequest, right: Right) -> Membership:
    """Return the membership the request is made under, which has ``right``.

    :raises Forbidden: the person's role at the chosen tenant does not have it
    """
    membership = cast("Membership | None", getattr(request, "membership", None))
    if membership is None or not allows(membership=membership, right=right):
        raise Forbidden(
            _("Your role does not have the right to %(right)s.") % {"right": right.label}
        )
    return membership


def right_required[**P, Answer: HttpResponseBase](
    *rights: Right,
) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
    """Let a page open only under a role with each of ``rights``: a decorator of function views.

    ``config.middleware.SignedInPerson`` has asked for password and second factor before: it does so
    for every page that does not say ``login_not_required``.
    """

    def decorate(view: Callable[P, Answer]) -> Callable[P, Answer]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Answer:
            for right in rights:
                require(request=cast("HttpRequest", args[0]), right=right)
            return view(*args, **kwargs)

        guarded.rights = frozenset(rights)  # type: ignore[attr-defined]  # read by the menu's tests
        return guarded

    return decorate


def second_factor_not_required[View: Callable[..., Any]](view: View) -> View:
    """Let a page open after the password alone: the pages that take the second factor."""
    view.second_factor_required = False  # type: ignore[attr-defined]
    return view


def roles_with(*, right: Right) -> frozenset[Role]:
    """Return the roles that have ``right``."""
    return frozenset(role for role, rights in MATRIX.items() if right in rights)


def address_of(request: HttpRequest) -> str:
    """Return where the request came from; also what ``django-axes`` counts failures by."""
    return addresses.address_of(request.META)


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes the request, for the audit trail."""
    user = request.user
    return Actor(
        kind="USER",
        name=str(user.pk) if user.is_authenticated else "",
        address=address_of(request),
        request_id=getattr(request, "request_id", ""),
    )
