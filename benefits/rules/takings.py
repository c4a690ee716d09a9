"""What one benefit takes of what is left of a purchase, and what it then leaves.

A purchase is seen as parts: its articles by sku, then what no article accounts for. Percentages
round down to the minor unit; a benefit by unit rounds each article by itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

from benefits.rules.split import in_parts
from benefits.rules.vocabulary import WHOLE_BPS, Benefit, Purchase

type Parts = tuple[int, ...]  # what is left of each part, minor units


class Taker(NamedTuple):
    """A benefit as it meets one purchase: it takes ``bps`` of its parts, at most ``most``."""

    bps: int
    most: int
    per_unit: int  # by unit: at most so much for each unit
    units: tuple[int, ...]  # by unit: how many of each of its parts count,
    quantities: tuple[int, ...]  # of how many
    positions: tuple[int, ...] | None  # of its parts; None: all there are
    min_spend: int
    step: int


def parts_of(purchase: Purchase) -> Parts:
    """Return the parts of a purchase of which nothing is taken yet."""
    amounts = tuple(item.amount_minor for item in purchase.articles)
    return (*amounts, purchase.amount_minor - sum(amounts))


def taker_of(benefit: Benefit, purchase: Purchase) -> Taker:
    """Return ``benefit`` as it meets ``purchase``; no limit is above the amount itself."""
    whole = purchase.amount_minor
    most = whole if benefit.cap_minor is None else min(benefit.cap_minor, whole)
    worth = whole if benefit.amount_minor is None else benefit.amount_minor
    positions = _positions(benefit, purchase)
    articles = [purchase.articles[at] for at in positions or ()] if benefit.by_unit else []
    quantities = tuple(article.quantity for article in articles)
    return Taker(
        bps=_bps(benefit),
        most=most if benefit.by_unit else min(most, worth),
        per_unit=worth,
        units=tuple(min(each, benefit.units_most or each) for each in quantities),
        quantities=quantities,
        positions=positions,
        min_spend=benefit.min_spend_minor,
        step=benefit.step_minor,
    )


def _bps(benefit: Benefit) -> int:
    if benefit.percent_bps is not None:
        return benefit.percent_bps
    return 0 if benefit.amount_minor is None else WHOLE_BPS  # a receipt takes nothing


def _positions(benefit: Benefit, purchase: Purchase) -> tuple[int, ...] | None:
    skus = benefit.scope.skus
    if not skus and not benefit.by_unit:
        return None
    return tuple(
        at for at, article in enumerate(purchase.articles) if not skus or article.sku in skus
    )


def base_of(taker: Taker, left: Parts) -> int:
    """Return what is left of the parts a benefit looks at."""
    if taker.positions is None:
        return sum(left)
    return sum([left[at] for at in taker.positions])


def taken(taker: Taker, left: Parts) -> int:
    """Return what the benefit takes of ``left``: at most what is there, and 0 where it does not
    get to its own least."""
    if taker.units:
        wanted = sum(_by_article(taker, left))
    else:
        wanted = base_of(taker, left) * taker.bps // WHOLE_BPS
    amount = min(wanted, taker.most)
    amount -= amount % taker.step
    return amount if amount >= taker.min_spend else 0


def left_after(taker: Taker, left: Parts, amount: int) -> Parts:
    """Return what is left of each part once ``amount``, as ``taken`` told it, is taken.

    By unit each article bears its own, in their order where the cap cuts; else the parts bear it
    in proportion: the first k of them together ⌊amount × theirs / all⌋, none more than it has.
    """
    if taker.positions is None and len(left) == 1:
        return (left[0] - amount,)
    positions = range(len(left)) if taker.positions is None else taker.positions
    after = list(left)
    if taker.units:
        _bear(after, positions, amount, _by_article(taker, left))
    else:
        _bear(after, positions, amount, in_parts(amount, [left[at] for at in positions]))
    return tuple(after)


def _by_article(taker: Taker, left: Parts) -> list[int]:
    """Return what is wanted of each article: of the units that count a share, or an amount each."""
    assert taker.positions is not None, "what counts by unit names its articles"
    wanted = []
    for at, units, quantity in zip(taker.positions, taker.units, taker.quantities, strict=True):
        covered = left[at] * units // quantity
        wanted.append(min(covered * taker.bps // WHOLE_BPS, taker.per_unit * units))
    return wanted


def _bear(left: list[int], positions: Sequence[int], amount: int, wanted: Sequence[int]) -> None:
    for at, want in zip(positions, wanted, strict=True):
        cut = min(want, amount)
        left[at] -= cut
        amount -= cut
