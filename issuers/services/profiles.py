"""Offline profiles: a programme's limits, effective-dated; a certificate states the version."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from config import audit, money
from config.audit import Actor
from config.refusals import Refused
from config.wire.schema import AMOUNT_MAX, COUNT_MAX
from issuers.models import OfflineProfileVersion, Programme


class CapsOutOfOrder(Refused):
    code = "profile_caps_invalid"
    title = "These limits contradict each other"


class ProfileInPast(Refused):
    code = "profile_in_past"
    title = "Limits cannot change in the past"


class ProfileMissing(Refused):
    code = "profile_missing"
    status = 409
    title = "The programme has no offline limits at that time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Offline limits (mission §1); amounts are minor units of the programme's currency."""

    per_payment_cap_minor: int
    cumulative_cap_minor: int
    unverified_cap_minor: int  # the most without PIN or biometric (protocol §5, key 8)
    lower_uses: int = 5  # from here on the phone prefers online
    upper_uses: int = 10  # the last use offline
    contact_days: int = 4

    def check(self) -> None:
        """Refuse limits of which one makes another meaningless.

        :raises CapsOutOfOrder: naming the first pair that is out of order
        """
        rules = (
            (self.per_payment_cap_minor >= 1, "A payment's cap is at least one minor unit."),
            (
                self.per_payment_cap_minor <= self.cumulative_cap_minor,
                "A payment's cap may not be above the cumulative cap.",
            ),
            (
                0 <= self.unverified_cap_minor <= self.per_payment_cap_minor,
                "The cap without verification lies between 0 and a payment's cap.",
            ),
            # What a certificate cannot state could never be signed, nor anything behind it renewed.
            (self.cumulative_cap_minor <= AMOUNT_MAX, "No cap is above what a payment can be."),
            (0 <= self.lower_uses <= self.upper_uses, "The lower use count is above the upper."),
            (self.upper_uses <= COUNT_MAX, "No phone counts so many uses."),
            (self.contact_days >= 1, "A card contacts its issuer after one day at the earliest."),
        )
        for holds, why in rules:
            if not holds:
                raise CapsOutOfOrder(why)


def default_caps(*, currency: str) -> Caps:
    """Return the mission's limits: 50,000 won a payment and 200,000 in all, 5 and 10 uses, 4 days.

    A currency with minor units gets 50 and 200 of its major units, about as much money.

    :raises UnknownCurrency: the code is not in ISO 4217
    """
    digits = money.exponent(currency)
    unit = 10**digits if digits else 1000
    return Caps(
        per_payment_cap_minor=50 * unit,
        cumulative_cap_minor=200 * unit,
        unverified_cap_minor=50 * unit,
    )


@transaction.atomic
def change(
    *, programme: Programme, effective_from: datetime, caps: Caps, at: datetime, actor: Actor
) -> OfflineProfileVersion:
    """Give ``programme`` new offline limits from ``effective_from`` on.

    Certificates already out keep the version they state; the next one carries the new limits.

    :raises CapsOutOfOrder: the limits contradict each other
    :raises ProfileInPast: ``effective_from`` lies before ``at``
    """
    caps.check()
    if effective_from < at:
        raise ProfileInPast
    Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    newest = programme.profiles.aggregate(newest=Max("version"))["newest"] or 0
    profile = OfflineProfileVersion.objects.create(
        programme=programme, version=newest + 1, effective_from=effective_from, **asdict(caps)
    )
    audit.record(
        actor=actor,
        action="profile.change",
        subject_kind="programme",
        subject=programme.reference,
        tenant=programme.issuer.reference,
        at=at,
        after={"version": profile.version, "effective_from": effective_from.isoformat()}
        | asdict(caps),
    )
    return profile


def in_force(*, programme: Programme, at: datetime) -> OfflineProfileVersion:
    """Return the limits of ``programme`` at ``at``: the newest that took effect by then.

    :raises ProfileMissing: none had taken effect
    """
    profile = (
        programme.profiles.filter(effective_from__lte=at)
        .order_by("-effective_from", "-version")
        .first()
    )
    if profile is None:
        raise ProfileMissing
    return profile
