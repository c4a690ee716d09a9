"""A customer has an amount approved beforehand, and gets the number for it (protocol §7)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from config import pipeline, references
from config.models import Device
from config.refusals import NotFound
from issuers.models import Card
from issuers.rules.preapproving import Terms
from issuers.services import accounts, preapproval_policies
from issuers.services import authorise as issuer
from issuers.services.authorise import Asked, Declined, DeclineReason
from settlement.models import Preapproval
from settlement.services import debts
from settlement.services.preapprovals import limits, numbers, telling
from settlement.services.preapprovals.refusals import CertificateRequired
from settlement.services.preapprovals.wishes import Place, Wish, place_of, refuse_unfit
from wallets.models import Customer
from wallets.services import authentications, pins


class Approved(NamedTuple):
    """A pre-approval, and its number in clear: told this once, "" where it was declined."""

    preapproval: Preapproval
    number: str


def approve_proved(
    *, device: Device, authentication: str, read: Callable[[], Wish], at: datetime
) -> Approved:
    """
    Approve the wish that ``read`` returns. It is not read before the holder has proved to be there
    (protocol §7), so nothing of it is looked at, not even its form.

    :raises AuthenticationRequired: no live proof of this phone
    :raises Refused: as ``read`` and :func:`approve`
    """
    authentications.require_live(device=device, authentication=authentication, at=at)
    return approve(device=device, wish=read(), at=at)


@transaction.atomic
def approve(*, device: Device, wish: Wish, at: datetime) -> Approved:
    """
    Set the amount aside and make a number for it, or keep why the issuer declines.

    Limits of a day and of what is outstanding hold however many phones ask at once: the customer's
    row is locked. A refusal leaves the proof good, a decline uses it up.

    :raises DeviceLocked: wrong PIN codes or failed proofs locked the phone
    :raises AuthenticationRequired: no live proof of this phone
    :raises NotFound: no such card of this customer, no such merchant or machine
    :raises CertificateRequired: the card is not on this phone
    :raises KindNotAllowed, ValidTooLong, PartialNotAllowed, PickupCodeRequired, BoundInvalid: the
        programme's terms, or no machine could take the number
    """
    customer = Customer.objects.select_for_update(no_key=True).get(reference=device.owner)
    pins.require_unlocked(device=device)
    authentications.consume(device=device, authentication=wish.authentication, at=at)
    card = _card(device, wish.card)
    terms = preapproval_policies.terms_of(programme=card.programme)
    refuse_unfit(wish=wish, terms=terms)
    place = place_of(wish=wish)
    asked = _asked(card, device, at)
    if not asked.certified:
        raise CertificateRequired
    reason = _reason(asked, wish)
    if reason is None and limits.refuses_new(
        customer=customer, card=card, terms=terms, amount_minor=wish.amount_minor, at=at
    ):
        reason = DeclineReason.LIMIT_EXCEEDED
    made = _row(wish, place, terms, at, customer=customer, device=device, card=card)
    if reason is not None:
        return _declined(made, asked, reason, at)
    return _approved(made, asked, wish, at)


def _card(device: Device, token: bytes) -> Card:
    rows = Card.objects.select_related("account", "issuer", "programme")
    card = rows.filter(token=token, account__holder=device.owner).first()
    if card is None:
        raise NotFound
    return card


def _asked(card: Card, device: Device, at: datetime) -> Asked:
    questions = issuer.questions(token=bytes(card.token), phone_id=device.pk, at=at)
    asked = debts.asked_after(questions=questions, holder=device.owner, at=at)
    assert asked is not None, "a card's row stays"
    return asked


def _reason(asked: Asked, wish: Wish) -> DeclineReason | None:
    word = issuer.decide(asked=asked, amount_minor=wish.amount_minor, currency=wish.currency)
    return word.reason if isinstance(word, Declined) else None


def _row(wish: Wish, place: Place, terms: Terms, at: datetime, **whose: Any) -> Preapproval:
    reference = references.new("PRE")
    usual_s = min(terms.valid_default_s, settings.TTL_S["PREAPPROVAL"])
    code = wish.pickup_code
    return Preapproval(
        **whose,
        reference=reference,
        kind=wish.kind,
        amount_minor=wish.amount_minor,
        currency=wish.currency,
        pickup_hash=numbers.pickup_hash(reference=reference, code=code) if code else None,
        bound_kind=place.kind,
        bound_merchant=place.merchant,
        bound_terminal=place.terminal,
        partial=wish.partial,
        day=limits.day_of(card=whose["card"], at=at),
        made_at=at,
        valid_until=at + timedelta(seconds=usual_s if wish.valid_s is None else wish.valid_s),
    )


def _declined(made: Preapproval, asked: Asked, reason: DeclineReason, at: datetime) -> Approved:
    made.state, made.decline_reason, made.ended_at = made.State.DECLINED, reason.value, at
    made.save(force_insert=True)
    kept = issuer.declining(
        asked=asked,
        document=made.reference,
        amount_minor=made.amount_minor,
        currency=made.currency,
        reason=reason,
        at=at,
        phone_id=made.device_id,
    )
    pipeline.run(kept)
    telling.tell(preapproval=made, kind="declined", at=at)
    return Approved(made, "")


def _approved(made: Preapproval, asked: Asked, wish: Wish, at: datetime) -> Approved:
    number, made.number_hash = numbers.draw()
    made.state = made.State.APPROVED
    made.save(force_insert=True)
    accounts.hold(
        account=made.card.account, document=made.reference, amount_minor=wish.amount_minor, at=at
    )
    kept = issuer.approving(
        asked=asked,
        document=made.reference,
        amount_minor=wish.amount_minor,
        currency=wish.currency,
        at=at,
        phone_id=made.device_id,
    )
    pipeline.run(kept)
    telling.tell(preapproval=made, kind="approved", at=at)
    return Approved(made, number)
