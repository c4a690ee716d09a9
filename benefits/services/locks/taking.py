"""A till takes a plan: the quote under row locks, and what it holds until the payment is final.

Locks, after the caller's document and the phone's counter: plan, holdings by id, slots of budgets.
A fixed number of statements, whatever the number of benefits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from benefits.models import Holding, Lock, Lot, LotTake, Plan, Redemption
from benefits.rules.lots import Lot as PureLot
from benefits.rules.lots import spent_of
from benefits.rules.quote import Facts, Line, Quote, quote
from benefits.rules.vocabulary import BALANCES, NEVER, Item, Kind, Purchase
from benefits.selectors.held import Held
from benefits.services import budgets
from benefits.services.budgets import Want
from benefits.services.locks import reading, writing
from benefits.services.locks.reading import Planned
from benefits.services.plans.looking_up import refusal_of
from benefits.services.plans.making import card_behind
from issuers.models import Card
from merchants.models import Merchant, Store

BENEFIT_TAKEN: Final = "benefit_taken"
BUDGET_SPENT: Final = "budget_spent"
BENEFIT_STOPPED: Final = "benefit_stopped"  # paused, ended or withdrawn since it was planned


class Basket(NamedTuple):
    """What is bought: ``amount_minor`` of ``currency``, and the articles it names."""

    amount_minor: int
    currency: str
    items: Sequence[Item] = ()


class Skip(NamedTuple):
    """A benefit of the plan that takes nothing: its reference, why (a stable code), figures."""

    benefit: str
    kind: Kind
    code: str
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is held now: the redemption, its lines (zipped with those of the quote), the skips.

    ``payers``: who bears most of each definition, by its key.
    """

    redemption: Redemption
    quote: Quote
    lines: Sequence[Lock]
    skipped: Sequence[Skip]
    payers: Mapping[int, str]


def take(
    *,
    plan: Plan,
    document: str,
    basket: Basket,
    merchant: Merchant,
    store: Store,
    card: Card | None,
    at: datetime,
) -> Taken:
    """
    Take the plan for ``document`` (settlement's reference) and hold what it brings on ``basket``.

    Everything is read again under the locks, nothing taken from the request. Of two plans with one
    coupon the first has it; for the other it stands among the skipped with ``benefit_taken``.
    ``card``: the one that pays the remainder, with its issuer and programme; None where no payment
    number says which, and card discounts are conditional. A refusal comes before anything is
    written: the caller's transaction may go on.

    :raises TsnUsed, TsnExpired, TsnCancelled: the number is not good any more
    :raises PurchaseMalformed: the items do not fit the amount
    """
    purchase = Purchase(
        amount_minor=basket.amount_minor,
        currency=basket.currency,
        merchant=merchant.reference,
        store=store.reference,
        at=at,
        items=tuple(basket.items),
        card=card_behind(card),
    )
    with transaction.atomic(savepoint=False):
        planned = reading.locked(plan_id=plan.pk, at=at)
        refusal = refusal_of(plan=planned.plan, at=at)
        if refusal is None:
            taken = _taken(document, purchase, planned, merchant, store)
            plan.state = planned.plan.state
    if refusal is not None:
        raise refusal
    return taken


def _taken(
    document: str, purchase: Purchase, planned: Planned, merchant: Merchant, store: Store
) -> Taken:
    quoted, budget, spent = _quoted(purchase, planned.held)
    redemption = Redemption(
        document=document,
        plan=planned.plan,
        merchant=merchant,
        store=store,
        currency=purchase.currency,
        purchase_minor=purchase.amount_minor,
        remainder_minor=quoted.remainder_minor,
        taken_at=purchase.at,
    )
    holdings = {each.benefit.benefit: each.holding for each in planned.held}
    lines = _lines(redemption, quoted.lines, holdings, budget.slots)
    _hold(lines)
    lots = {each.holding.pk: each.lots for each in planned.held}
    writing.write(
        redemption=redemption, lines=lines, lots=_spent(lines, lots, purchase.at), first=budget.then
    )
    return Taken(
        redemption=redemption,
        quote=quoted,
        lines=lines,
        skipped=_skips(quoted, planned.held, spent),
        payers=planned.payers,
    )


def _quoted(
    purchase: Purchase, planned: Sequence[Held]
) -> tuple[Quote, budgets.Taken, frozenset[str]]:
    """Return the quote, what it takes of budgets, and the benefits whose budget is spent; each
    round leaves at least one of those out."""
    spent: set[str] = set()
    while True:
        left = [each for each in planned if each.benefit.benefit not in spent]
        quoted = quote(purchase=purchase, benefits=[each.benefit for each in left])
        taken = budgets.take(wants=_wants(quoted.lines, left))
        if not taken.exhausted:
            return quoted, taken, frozenset(spent)
        spent |= {
            each.benefit.benefit for each in left if each.holding.definition_id in taken.exhausted
        }


def _wants(lines: Sequence[Line], planned: Sequence[Held]) -> dict[int, Want]:
    """Return what the lines take of budgets; that of a balance was taken when it was granted."""
    by_name = {each.benefit.benefit: each.holding for each in planned}
    wants: dict[int, Want] = {}
    for line in lines:
        definition = by_name[line.benefit.benefit].definition
        bounded = definition.budget_minor is not None or definition.uses_in_all is not None
        if bounded and line.amount_minor and line.benefit.kind not in BALANCES:
            so_far = wants.get(definition.pk, Want(0, 0))
            wants[definition.pk] = Want(so_far.minor + line.amount_minor, so_far.uses + 1)
    return wants


def _lines(
    redemption: Redemption,
    lines: Sequence[Line],
    holdings: Mapping[str, Holding],
    slots: Mapping[int, int],
) -> list[Lock]:
    return [
        Lock(
            redemption=redemption,
            holding=holdings[line.benefit.benefit],
            slot_id=_slot(line, holdings[line.benefit.benefit], slots),
            turn=turn,
            amount_minor=line.amount_minor,
            why={"code": line.why.code, "facts": dict(line.why.facts)},
        )
        for turn, line in enumerate(lines)
    ]


def _slot(line: Line, holding: Holding, slots: Mapping[int, int]) -> int | None:
    is_free = not line.amount_minor or line.benefit.kind in BALANCES
    return None if is_free else slots.get(holding.definition_id)


def _hold(lines: Sequence[Lock]) -> None:
    """Move the positions of the holdings by what the lines take."""
    for line in lines:
        if line.holding.kind in BALANCES:
            line.holding.held_minor += line.amount_minor
        elif line.amount_minor and line.holding.uses is not None:
            line.holding.uses_held += 1


def _spent(lines: Sequence[Lock], lots: Mapping[int, Sequence[Lot]], at: datetime) -> list[LotTake]:
    """Return what each line of points takes of which lots, oldest expiry first."""
    return [
        LotTake(lock=line, lot=lot, amount_minor=amount)
        for line in lines
        if line.holding.kind == Kind.POINTS
        for lot, amount in _of_lots(lots[line.holding_id], line.amount_minor, at)
    ]


def _of_lots(lots: Sequence[Lot], amount_minor: int, at: datetime) -> list[tuple[Lot, int]]:
    """Return the lots that ``amount_minor`` is taken of, and what of each."""
    by_name = {f"{lot.pk:020}": lot for lot in lots}
    pure = [PureLot(name, lot.left_minor, lot.expires_at or NEVER) for name, lot in by_name.items()]
    return [
        (by_name[each.lot.lot], each.amount_minor)
        for each in spent_of(lots=pure, amount_minor=amount_minor, at=at)
    ]


def _skips(quoted: Quote, planned: Sequence[Held], spent: frozenset[str]) -> list[Skip]:
    lost = {each.benefit.benefit: _lost(each) for each in planned}
    skips = [
        Skip(
            each.benefit.benefit,
            each.benefit.kind,
            lost[each.benefit.benefit] or each.why.code,
            each.why.facts,
        )
        for each in quoted.skipped
    ]
    skips += [
        Skip(each.benefit.benefit, each.benefit.kind, BUDGET_SPENT, {})
        for each in planned
        if each.benefit.benefit in spent
    ]
    return skips


def _lost(held: Held) -> str:
    """Return what became of a benefit since it was planned, "" if it is still there."""
    if held.holding.uses_left < 1 or _has_nothing(held):
        return BENEFIT_TAKEN
    return BENEFIT_STOPPED if held.benefit.uses_left < 1 else ""


def _has_nothing(held: Held) -> bool:
    return held.benefit.kind in BALANCES and not held.benefit.amount_minor
