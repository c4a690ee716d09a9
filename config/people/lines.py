"""Lines of invitation: through whom somebody came to a tenant.

Whoever may invite can invite mailboxes of their own. So where two people are asked for, they are
two only if nobody stands behind both.
"""

from collections.abc import Collection

from config.models import Invitation, User
from config.roles import TenantKind


def share_one(*, person: int, other: int, kind: TenantKind, tenant: str) -> bool:
    """Return whether one of the two brought the other to ``tenant``, or one person brought both.

    At any remove within the tenant, and however long ago. People by their ids. Whom the operator
    invited, or who was there from the beginning, nobody stands behind; who was invited by somebody
    of the platform has that person behind them, but not whoever invited that one.
    """
    return not _line(person, kind, tenant).isdisjoint(_line(other, kind, tenant))


def _line(person: int, kind: TenantKind, tenant: str) -> set[int]:
    """Return the person with everybody they came through; a query or two for each remove."""
    line: set[int] = set()
    found = {person}
    while found:
        line |= found
        found = _inviters_of(found, kind, tenant) - line
    return line


def _inviters_of(people: Collection[int], kind: TenantKind, tenant: str) -> set[int]:
    emails = User.objects.filter(pk__in=people).values_list("email", flat=True)
    taken_up = Invitation.objects.filter(
        email__in=[email.lower() for email in emails],  # an address never changes
        tenant_kind=kind,
        tenant=tenant,
        accepted_at__isnull=False,
        invited_by__isnull=False,
    )
    return set(taken_up.values_list("invited_by", flat=True))
