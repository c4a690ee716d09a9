"""Two people where one could do harm alone: a maker, and another one who agrees."""

from config.models import User
from config.people import lines
from config.refusals import Refused
from config.roles import TenantKind


class SamePerson(Refused):
    code = "same_person"
    status = 403
    title = "Another person must agree to this"


class NotIndependent(Refused):
    """Else one who invites staff would be both people, with two mailboxes of their own."""

    code = "not_independent"
    status = 403
    title = "Somebody who came here by another person's invitation must agree to this"


def require(
    *, maker: str, person: User, kind: TenantKind, tenant: str, with_platform: bool = False
) -> None:
    """
    Refuse ``person`` who is the maker, or whom the same person stands behind at ``tenant``.

    ``maker``: ``Actor.name`` of who asked; a command of the operator nobody invited.
    ``with_platform``: people of the platform have the right too, and may be either of the two.

    :raises SamePerson: who asked for it cannot agree to it
    :raises NotIndependent: one of the two invited the other, or the same person both, at any remove
    """
    if str(person.pk) == maker:
        raise SamePerson
    if maker.isdecimal() and lines.share_one(
        person=person.pk, other=int(maker), kind=kind, tenant=tenant, with_platform=with_platform
    ):
        raise NotIndependent
