"""What every page shows besides its own content: navigation, tenant, time zone, demo strip."""

from typing import Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from config.models import Alert, Membership
from config.people import tenants
from config.people.access import SignedInRequest
from config.portal import nav
from config.roles import Role, TenantKind


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return the variables of ``base.html`` and ``solo.html``.

    Without a person who gave both factors there is no navigation, and error pages stand alone.
    """
    membership = cast("Membership | None", getattr(request, "membership", None))
    if membership is None:
        return {"demo": settings.DEMO, "nav": []}
    person = cast("SignedInRequest", request)
    tenant = tenants.of(membership=membership)
    return {
        "demo": settings.DEMO,
        "nav": nav.groups(user=person.user, membership=membership, path=request.path),
        "tenant": tenant,
        "time_zone": person.time_zone,
        "business_day": _business_day(tenant, zone=person.time_zone),
        "role_label": Role(membership.role).label,
        "notices": SimpleLazyObject(lambda: _notices(membership)),
        "several_tenants": len(person.memberships) > 1,
    }


def _business_day(tenant: tenants.Tenant | None, *, zone: str) -> Any:
    """Return today at the tenant; None to who reads times of another zone, where it may differ."""
    if tenant is None or tenant.time_zone != zone:
        return None
    return timezone.now().astimezone(ZoneInfo(zone)).date()


def _notices(membership: Membership) -> int:
    alerts = Alert.objects.filter(cleared_at=None)
    if membership.tenant_kind != TenantKind.PLATFORM:
        alerts = alerts.filter(tenant=membership.tenant)
    return alerts.count()
