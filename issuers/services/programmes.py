"""Programmes: the card products of an issuer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from config import audit, references
from config.audit import Actor
from config.refusals import Refused
from issuers.models import Issuer, Programme
from issuers.services import profiles
from issuers.services.profiles import Caps

# A stolen phone kept in flight mode goes on paying until its certificate ends.
CERTIFICATE_DAYS_MAX = 7


class CertificateDaysInvalid(Refused):
    code = "certificate_days_invalid"
    title = "A certificate lives 1 to 7 days"


class OnlineLimitsInvalid(Refused):
    code = "online_limits_invalid"
    title = "A cap is at least 1 minor unit, a velocity at least 1 approval in 1 second"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineLimits:
    """What an online authorisation looks at: a cap in minor units (None: none) and a velocity.

    ``velocity_count``: so many approvals of one card within ``velocity_window_s`` seconds.
    """

    per_payment_cap_minor: int | None = None
    velocity_count: int = 30
    velocity_window_s: int = 3600


def add(
    *,
    issuer: Issuer,
    name: str,
    kind: str,
    currency: str,
    at: datetime,
    actor: Actor,
    certificate_rule: str = Programme.CertificateRule.AUTO,
    certificate_days: int = CERTIFICATE_DAYS_MAX,
    reset_on_posting: bool = False,
    list_on_debt: bool = True,
    caps: Caps | None = None,
    online: OnlineLimits | None = None,
) -> Programme:
    """Add a card product and its first offline limits, in force from ``at``.

    ``currency``: ISO 4217 alpha-3. ``caps``: the mission's defaults unless given.

    :raises UnknownCurrency: the code is not in ISO 4217
    :raises CapsOutOfOrder: the limits contradict each other
    :raises CertificateDaysInvalid: not 1 to 7 days
    :raises OnlineLimitsInvalid: a cap or velocity of nothing
    """
    limits = caps or profiles.default_caps(currency=currency)
    online = online or OnlineLimits()
    _check_days(certificate_days)
    _check_online(online)
    with transaction.atomic():
        programme = Programme.objects.create(
            reference=references.new("PRG"),
            issuer=issuer,
            name=name.strip(),
            kind=Programme.Kind(kind),
            currency=currency,
            certificate_rule=Programme.CertificateRule(certificate_rule),
            certificate_days=certificate_days,
            reset_on_posting=reset_on_posting,
            list_on_debt=list_on_debt,
            **_online_fields(online),
        )
        since = at.replace(microsecond=0)  # certificates count in seconds
        profiles.change(
            programme=programme, effective_from=since, caps=limits, at=since, actor=actor
        )
        _record(programme, action="programme.add", at=at, actor=actor, before=None)
    return programme


@transaction.atomic
def edit(
    *,
    programme: Programme,
    name: str,
    certificate_rule: str,
    certificate_days: int,
    reset_on_posting: bool,
    at: datetime,
    actor: Actor,
    online: OnlineLimits | None = None,
    list_on_debt: bool | None = None,
) -> Programme:
    """Change what may change while cards are out; kind and currency never do.

    ``online`` and ``list_on_debt``: left as they are where None. The limits hold from the next
    authorisation on; debts that are open list their cards as soon as the programme wants it.

    :raises CertificateDaysInvalid: not 1 to 7 days
    :raises OnlineLimitsInvalid: a cap or velocity of nothing
    """
    _check_days(certificate_days)
    if online is not None:
        _check_online(online)
    held = Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    before = _told(held)
    held.name = name.strip()
    held.certificate_rule = Programme.CertificateRule(certificate_rule)
    held.certificate_days = certificate_days
    held.reset_on_posting = reset_on_posting
    held.list_on_debt = held.list_on_debt if list_on_debt is None else list_on_debt
    for field, value in (_online_fields(online) if online else {}).items():
        setattr(held, field, value)
    held.save(update_fields=[*_TERMS, *_ONLINE])
    _record(held, action="programme.edit", at=at, actor=actor, before=before)
    return held


def _check_days(days: int) -> None:
    if not 1 <= days <= CERTIFICATE_DAYS_MAX:
        raise CertificateDaysInvalid


def _check_online(online: OnlineLimits) -> None:
    cap_minor = online.per_payment_cap_minor
    if cap_minor is not None and cap_minor < 1:
        raise OnlineLimitsInvalid
    if online.velocity_count < 1 or online.velocity_window_s < 1:
        raise OnlineLimitsInvalid


def _online_fields(online: OnlineLimits) -> dict[str, int | None]:
    return {
        "per_payment_online_cap_minor": online.per_payment_cap_minor,
        "velocity_count": online.velocity_count,
        "velocity_window_s": online.velocity_window_s,
    }


_TERMS = ("name", "certificate_rule", "certificate_days", "reset_on_posting", "list_on_debt")
_ONLINE = ("per_payment_online_cap_minor", "velocity_count", "velocity_window_s")


def _told(programme: Programme) -> dict[str, Any]:
    return {name: getattr(programme, name) for name in (*_TERMS, *_ONLINE)}


def _record(
    programme: Programme, *, action: str, at: datetime, actor: Actor, before: dict[str, Any] | None
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="programme",
        subject=programme.reference,
        tenant=programme.issuer.reference,
        at=at,
        before=before,
        after=_told(programme) | {"kind": programme.kind, "currency": programme.currency},
    )
