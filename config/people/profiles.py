"""What a person says about oneself."""

from datetime import datetime

from django.db import transaction

from config import audit
from config.audit import Actor
from config.models import User


@transaction.atomic
def change(
    *, user: User, name: str, time_zone: str, shortcuts: bool, actor: Actor, at: datetime
) -> None:
    """Write the person's name, zone (IANA) and whether single keys are shortcuts (WCAG 2.1.4)."""
    told = {"name": name.strip(), "time_zone": time_zone, "shortcuts": shortcuts}
    before = {key: getattr(user, key) for key in told}
    if before == told:
        return
    User.objects.filter(pk=user.pk).update(**told)
    for key, value in told.items():
        setattr(user, key, value)
    audit.record(
        actor=actor,
        action="profile.change",
        subject_kind="User",
        subject=str(user.pk),
        at=at,
        before=before,
        after=told,
    )
