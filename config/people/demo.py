"""The demo's people: one for each role, without a password until they choose one."""

from datetime import datetime

from django.db import transaction

from config import audit
from config.audit import SYSTEM
from config.models import Membership, User
from config.roles import KIND_OF, Role, TenantKind

ADDRESS = "@demo.paydesk.example"  # RFC 2606: nobody's mail
NAMES = {
    Role.PLATFORM_ADMIN: "Jiwoo Han",
    Role.SETTLEMENT_CLERK: "Seoyeon Lim",
    Role.ISSUER_RISK: "Mina Park",
    Role.ISSUER_OPERATIONS: "Daniel Oh",
    Role.ISSUER_APPROVER: "Hana Seo",
    Role.ISSUER_AUDITOR: "Tomas Berg",
    Role.MERCHANT_OWNER: "Eunji Kwon",
    Role.MERCHANT_MANAGER: "Minho Choi",
    Role.MERCHANT_CASHIER: "Ara Jung",
    Role.SPONSOR: "Yuna Baek",
}


@transaction.atomic
def seed(*, issuer: str, merchant: str, at: datetime, sponsor: str = "") -> list[User]:
    """Make sure there is one person for each role and return them; a second call adds nobody.

    ``issuer``, ``merchant``, ``sponsor``: references of the tenants they work for; nobody works for
    a sponsor of "".
    """
    tenants = {TenantKind.ISSUER: issuer, TenantKind.MERCHANT: merchant, TenantKind.PLATFORM: ""}
    if sponsor:
        tenants[TenantKind.SPONSOR] = sponsor
    return [
        _person(role, tenant=tenants[KIND_OF[role]], at=at)
        for role in NAMES
        if KIND_OF[role] in tenants
    ]


def _person(role: Role, *, tenant: str, at: datetime) -> User:
    email = role.lower().replace("_", "-") + ADDRESS
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User(email=email, name=NAMES[role])
        user.set_unusable_password()
        user.save()
    membership, made = Membership.objects.get_or_create(
        user=user,
        tenant_kind=KIND_OF[role],
        tenant=tenant,
        ended_at=None,
        defaults={"role": role, "created_at": at},
    )
    if made:
        audit.record(
            actor=SYSTEM,
            action="membership.seed",
            subject_kind="Membership",
            subject=str(membership.pk),
            tenant=tenant,
            at=at,
            after={"user": user.pk, "role": role},
        )
    return user
