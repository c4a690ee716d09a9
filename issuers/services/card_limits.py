"""What the issuer allows one card online, beside what its programme allows all."""

from datetime import datetime

from django.db import transaction

from config import audit
from config.audit import Actor
from config.refusals import Refused
from issuers.models import Card


class CardCapInvalid(Refused):
    code = "card_cap_invalid"
    title = "A card's cap is at least 1 minor unit"


@transaction.atomic
def set_online_cap(
    *, card: Card, cap_minor: int | None, at: datetime, actor: Actor, reason: str = ""
) -> Card:
    """Set what one payment online with ``card`` may be at most, in minor units; None: no cap.

    The card's row is locked, so that an authorisation sees the cap before or after, whole.

    :raises CardCapInvalid: below 1
    """
    if cap_minor is not None and cap_minor < 1:
        raise CardCapInvalid
    held = Card.objects.select_for_update(no_key=True).get(pk=card.pk)
    before = held.per_payment_online_cap_minor
    held.per_payment_online_cap_minor = cap_minor
    held.save(update_fields=["per_payment_online_cap_minor"])
    audit.record(
        actor=actor,
        action="card.online_cap",
        subject_kind="card",
        subject=held.reference,
        tenant=card.issuer.reference,
        at=at,
        reason=reason,
        before={"per_payment_online_cap_minor": before},
        after={"per_payment_online_cap_minor": cap_minor},
    )
    return held
