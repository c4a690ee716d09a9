"""The audit trail as people read it: their own tenants' rows, checked as they are shown."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet

from config import audit
from config.audit import Actor
from config.models import Audit, User
from config.people.access import tenants_with
from config.roles import Right


def audits_visible_to(user: User) -> QuerySet[Audit]:
    """Return the rows of the tenants whose audit trail ``user`` may see; all for the platform's."""
    tenants = tenants_with(user=user, right=Right.SEE_AUDIT)
    rows = Audit.objects.all()
    return rows if tenants.everything else rows.filter(tenant__in=tenants.references)


def changed(*, rows: Iterable[Audit]) -> Audit | None:
    """Return the first of ``rows`` that no longer hashes to what was written, if any.

    A row taken away or moved shows only when the whole chain is walked (``config.audit.verify``).
    """
    return next((row for row in rows if audit.digest(row) != bytes(row.hash)), None)


def names_of(*, rows: Iterable[Audit]) -> dict[str, str]:
    """Return what people call the actors of ``rows`` who are people, by the id the rows keep."""
    ids = {int(row.actor) for row in rows if row.actor_kind == "USER" and row.actor.isdigit()}
    return {str(pk): name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "name")}


def locked_out(*, name: str, actor: Actor, at: datetime, lasts_s: int) -> None:
    """Write once for each lock that the door closed to ``name`` at the actor's address.

    Of who is not known the trail keeps no name: people type passwords into the wrong field.
    """
    user = User.objects.filter(email__iexact=name.strip()).only("pk").first()
    subject = str(user.pk) if user else "unknown"
    told = Audit.objects.filter(
        subject_kind="User",
        subject=subject,
        action="sign_in.locked",
        address=actor.address,
        at__gt=at - timedelta(seconds=lasts_s),
    )
    if not told.exists():
        audit.record(
            actor=actor, action="sign_in.locked", subject_kind="User", subject=subject, at=at
        )
