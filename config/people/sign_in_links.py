"""One-time sign-in links: how a newcomer enters the demo, and nothing outside of it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from config.models import DemoFactor, Membership, User
from config.people import demo, links
from config.refusals import Forbidden
from config.roles import Role


class OnlyInDemo(Forbidden):
    code = "only_in_demo"
    title = "Only in the demo"


@dataclass(frozen=True, slots=True)
class SignInLink:
    """A way in as one demo person: ``token`` is shown once and good once, for 24 hours."""

    user: User
    role: Role
    token: str


def require_demo() -> None:
    """Refuse anywhere but in the demo.

    :raises OnlyInDemo: ``PAYDESK_DEMO`` is off
    """
    if not settings.DEMO:
        raise OnlyInDemo(_("One-time sign-in links exist in the demo alone."))


@transaction.atomic
def issue(*, at: datetime) -> list[SignInLink]:
    """Make a link for each demo person; those made before end.

    :raises OnlyInDemo: ``PAYDESK_DEMO`` is off
    """
    require_demo()
    people = Membership.objects.filter(
        ended_at=None, user__is_active=True, user__email__endswith=demo.ADDRESS
    )
    return [
        SignInLink(
            user=m.user,
            role=Role(m.role),
            token=links.issue(user=m.user, purpose=links.Purpose.SIGN_IN, at=at),
        )
        for m in people.select_related("user").order_by("pk")
    ]


@transaction.atomic
def redeem(*, token: str, at: datetime) -> tuple[User, DemoFactor]:
    """Use a link up and return whose it is, with the factor that counts in the demo.

    :raises OnlyInDemo: ``PAYDESK_DEMO`` is off
    :raises LinkSpent: unknown, used or old
    """
    require_demo()
    user = links.redeem(token=token, purpose=links.Purpose.SIGN_IN, at=at)
    factor, _made = DemoFactor.objects.get_or_create(user=user, defaults={"name": "Demo link"})
    return user, factor
