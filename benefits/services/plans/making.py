"""A phone makes a plan: what to use at the next till, behind one number (protocol §6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db import transaction

from benefits.models import Plan, PlanSelection
from benefits.rules import vocabulary
from benefits.rules.best import best_for
from benefits.rules.hand import BenefitTwice
from benefits.rules.vocabulary import Purchase
from benefits.selectors.held import Held, available_to
from benefits.services.plans import numbers
from config import references
from config.models import Device
from config.refusals import NotFound, Refused
from issuers.models import Card
from issuers.services import profiles
from merchants.models import Merchant
from wallets.models import Phone
from wallets.selectors.cards import card_of
from wallets.services.pins import DeviceLocked


class BenefitUnavailable(Refused):
    code = "benefit_unavailable"
    title = "This benefit cannot be used now"


class Choice(NamedTuple):
    """A benefit to use, and the most to use of it in minor units, None for all it has."""

    benefit: str
    amount_minor: int | None = None


class BestFor(NamedTuple):
    """A purchase to find the best combination for: the merchant's reference, minor units."""

    merchant: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a phone asks for. With ``best_for`` the portal picks, among ``choices`` if any.

    ``card``: base64url of its token, needed for a PSN, which pays at most ``max_amount_minor``
    (None: the programme's cap for one payment) and at ``merchant`` alone, if it is given.
    """

    choices: Sequence[Choice] = ()
    card: str | None = None
    max_amount_minor: int | None = None
    merchant: str | None = None
    best_for: BestFor | None = None


class Picked(NamedTuple):
    """A benefit of a plan, and the most to use of it, None where only the purchase says."""

    held: Held
    amount_minor: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan and its number, told this once. ``savings_minor``: on the purchase it is best for,
    else what its benefits are worth at most."""

    plan: Plan
    tsn: str
    picked: Sequence[Picked]
    savings_minor: int


@transaction.atomic
def make(*, device: Device, wish: Wish, at: datetime) -> Made:
    """
    Make a plan for the customer of ``device``; an older one of this phone that is not at a till is
    cancelled. Amounts that are above what a benefit has are cut to that.

    :raises DeviceLocked: the phone is locked
    :raises NotFound: the card, a benefit or a merchant is not there, or another customer's
    :raises BenefitUnavailable: not active now, used up, or its budget is spent
    :raises BenefitTwice: a benefit is chosen twice
    """
    phone = Phone.objects.select_for_update(no_key=True).get(device=device)
    if phone.locked_at is not None:
        raise DeviceLocked
    card = card_of(device=device, reference=wish.card) if wish.card is not None else None
    merchant = _merchant(wish.merchant) if wish.merchant is not None else None
    picked, savings = _pick(available_to(customer=phone.customer, at=at), wish, card, at)
    Plan.objects.filter(device=device, state=Plan.State.ISSUED).update(
        state=Plan.State.CANCELLED, ending=Plan.Ending.NEWER_PLAN, ended_at=at
    )
    tsn = numbers.draw()
    plan = Plan.objects.create(
        reference=references.new("PLN"),
        customer=phone.customer,
        device=device,
        merchant=merchant,
        tsn_hash=numbers.keyed_hash(tsn),
        made_at=at,
        expires_at=at + timedelta(seconds=settings.TTL_S["TSN"]),
        **_psn_terms(card, wish, at),
    )
    PlanSelection.objects.bulk_create(
        PlanSelection(plan=plan, holding=each.held.holding, amount_minor=each.amount_minor)
        for each in picked
    )
    return Made(plan=plan, tsn=tsn, picked=picked, savings_minor=savings)


def card_behind(card: Card | None) -> vocabulary.Card | None:
    """Return ``card`` as the rules of benefits see it."""
    if card is None:
        return None
    return vocabulary.Card(issuer=card.issuer.reference, programme=card.programme.reference)


def _merchant(reference: str) -> Merchant:
    merchant = Merchant.objects.filter(reference=reference).first()
    if merchant is None:
        raise NotFound
    return merchant


def _psn_terms(card: Card | None, wish: Wish, at: datetime) -> dict[str, object]:
    if card is None:
        return {}
    most = wish.max_amount_minor
    if most is None:
        most = profiles.in_force(programme=card.programme, at=at).per_payment_cap_minor
    expires_at = at + timedelta(seconds=min(settings.TTL_S["PSN"], settings.TTL_S["TSN"]))
    return {"card": card, "max_amount_minor": most, "psn_expires_at": expires_at}


def _pick(
    held: Sequence[Held], wish: Wish, card: Card | None, at: datetime
) -> tuple[list[Picked], int]:
    chosen = _chosen(held, wish.choices)
    if wish.best_for is None:
        return chosen, sum(each.amount_minor or 0 for each in chosen)
    among = chosen or [Picked(each, each.benefit.most_minor) for each in held]
    benefits = [
        each.held.benefit
        if each.amount_minor is None
        else each.held.benefit.at_most(each.amount_minor)
        for each in among
    ]
    found = best_for(purchase=_purchase(wish.best_for, card, at), held=benefits).quote
    used = {line.benefit.benefit for line in found.lines}
    best = [each for each in among if each.held.benefit.benefit in used]
    return best, found.savings_minor


def _chosen(held: Sequence[Held], choices: Sequence[Choice]) -> list[Picked]:
    mine = {each.benefit.benefit: each for each in held}
    if len({choice.benefit for choice in choices}) < len(choices):
        raise BenefitTwice
    missing = [choice.benefit for choice in choices if choice.benefit not in mine]
    if missing:
        raise BenefitUnavailable(", ".join(missing))
    return [
        Picked(mine[choice.benefit], _cut(mine[choice.benefit], choice.amount_minor))
        for choice in choices
    ]


def _cut(held: Held, wanted: int | None) -> int | None:
    most = held.benefit.most_minor
    known = [each for each in (most, wanted) if each is not None]
    return min(known, default=None) or None


def _purchase(told: BestFor, card: Card | None, at: datetime) -> Purchase:
    """Return the purchase as it will be; its store is known where the merchant has but one."""
    merchant = _merchant(told.merchant)
    stores = list(merchant.stores.filter(closed_at=None).values_list("reference", flat=True)[:2])
    return Purchase(
        amount_minor=told.amount_minor,
        currency=told.currency,
        merchant=merchant.reference,
        store=stores[0] if len(stores) == _ONE else "",
        at=at,
        card=card_behind(card),
    )


_ONE: Final = 1
