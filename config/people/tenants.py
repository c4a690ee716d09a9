"""Tenants by reference: the floor knows their models by dotted string alone."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Manager, QuerySet, Value
from django.utils.translation import gettext as _

from config.models import Membership
from config.refusals import Refused
from config.roles import TenantKind


class UnknownTenant(Refused):
    code = "unknown_tenant"
    status = 404
    title = "No such tenant"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whom a membership belongs to: what pages call it, and the zone of its business day."""

    kind: str
    reference: str
    name: str
    time_zone: str


def find(*, kind: str, reference: str) -> Tenant:
    """Return the tenant of ``kind`` with that reference ("" for the platform).

    :raises UnknownTenant: there is none, or no such kind has tenants of its own yet
    """
    if kind == TenantKind.PLATFORM and not reference:
        return Tenant(kind, "", _("Paydesk platform"), settings.TIME_ZONE)
    named = settings.TENANT_MODELS.get(kind)
    row = _rows(named).filter(reference=reference).first() if named else None
    if row is None:
        raise UnknownTenant(_("There is no tenant %(named)s.") % {"named": reference or kind})
    return Tenant(kind, reference, row["name"], row["time_zone"])


def of(*, membership: Membership | None) -> Tenant | None:
    """Return the tenant of ``membership``; one without a row is called by its reference."""
    if membership is None:
        return None
    kind, reference = membership.tenant_kind, membership.tenant
    try:
        return find(kind=kind, reference=reference)
    except UnknownTenant:
        return Tenant(kind, reference, reference, settings.TIME_ZONE)


def names(*, references: set[str]) -> dict[str, str]:
    """Return the names of many tenants in one query for each kind."""
    found: dict[str, str] = {}
    for named in settings.TENANT_MODELS.values() if references else ():
        rows = _rows(named).filter(reference__in=references)
        found.update({row["reference"]: row["name"] for row in rows})
    return found


def _rows(named: str) -> QuerySet[Any, dict[str, Any]]:
    model = apps.get_model(named)
    everything: Manager[Any] = model._default_manager  # noqa: SLF001  (the model is only named)
    if hasattr(model, "time_zone"):
        return everything.values("reference", "name", "time_zone")
    # A brand is at no place: its day is the platform's.
    return everything.values("reference", "name", time_zone=Value(settings.TIME_ZONE))
