"""Programmes: the card products of an issuer."""

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
    caps: Caps | None = None,
) -> Programme:
    """Add a card product and its first offline limits, in force from ``at``.

    ``currency``: ISO 4217 alpha-3. ``caps``: the mission's defaults unless given.

    :raises UnknownCurrency: the code is not in ISO 4217
    :raises CapsOutOfOrder: the limits contradict each other
    :raises CertificateDaysInvalid: not 1 to 7 days
    """
    limits = caps or profiles.default_caps(currency=currency)
    _check_days(certificate_days)
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
) -> Programme:
    """Change what may change while cards are out; kind and currency never do.

    :raises CertificateDaysInvalid: not 1 to 7 days
    """
    _check_days(certificate_days)
    held = Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    before = _told(held)
    held.name = name.strip()
    held.certificate_rule = Programme.CertificateRule(certificate_rule)
    held.certificate_days = certificate_days
    held.reset_on_posting = reset_on_posting
    held.save(update_fields=["name", "certificate_rule", "certificate_days", "reset_on_posting"])
    _record(held, action="programme.edit", at=at, actor=actor, before=before)
    return held


def _check_days(days: int) -> None:
    if not 1 <= days <= CERTIFICATE_DAYS_MAX:
        raise CertificateDaysInvalid


def _told(programme: Programme) -> dict[str, Any]:
    return {
        "name": programme.name,
        "certificate_rule": programme.certificate_rule,
        "certificate_days": programme.certificate_days,
        "reset_on_posting": programme.reset_on_posting,
    }


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
