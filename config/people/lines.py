"""Lines of invitation: through whom somebody came to a tenant.

Whoever may invite can invite mailboxes of their own. So where two people are asked for, they are
two only if nobody stands behind both.
"""

from collections.abc import Collection

from django.db.models import Q

from config.models import Invitation, User
from config.roles import TenantKind

_PLATFORM = Q(tenant_kind=TenantKind.PLATFORM)


def share_one(
    *, person: int, other: int, kind: TenantKind, tenant: str, with_platform: bool = False
) -> bool:
    """Return whether one of the two brought the other to ``tenant``, or one person brought both.

    At any remove within the tenant, and however long ago. People by their ids. Whom the operator
    invited, or who was there from the beginning, nobody stands behind; who was invited by somebody
    of the platform has that person behind them, but not whoever invited that one; unless
    ``with_platform``: for what people of the platform do at ``tenant`` themselves, whoever invited
    them to the platform stands behind them too.
    """
    places = Q(tenant_kind=kind, tenant=tenant) | (_PLATFORM if with_platform else Q())
    return not _line(person, places).isdisjoint(_line(other, places))


def _line(person: int, places: Q) -> set[int]:
    """Return the person with everybody they came through; a query or two for each remove."""
    line: set[int] = set()
    found = {person}
    while found:
        line |= found
        found = _inviters_of(found, places) - line
    return line


def _inviters_of(people: Collection[int], places: Q) -> set[int]:
    emails = User.objects.filter(pk__in=people).values_list("email", flat=True)
    taken_up = Invitation.objects.filter(
        places,
        email__in=[email.lower() for email in emails],  # an address never changes
        accepted_at__isnull=False,
        invited_by__isnull=False,
    )
    return set(taken_up.values_list("invited_by", flat=True))
