"""What a purchase costs at least from some point on, whichever benefits are still used.

The proof is in ``docs/algorithms/benefits.md``, "Why the bound is sound". In short: at its turn a
benefit turns what is left, x, into at least F(x) = x − min(most, ⌊x × bps / 10,000⌋), only where
x is at least its least purchase. F never falls as x rises, so applied one after the other to
anything not above x, these functions stay below every real outcome. Of a team, benefits that clash
each with each, one counts at most: it is applied to the least that is left where none before it
was used.
"""

# ruff: noqa: FURB136  (calls of min and max would double the time of the inner loop)

from collections.abc import Sequence
from typing import NamedTuple

from benefits.rules.vocabulary import WHOLE_BPS

type Least = tuple[int, int, int]  # to pay with money, before points, at the end
type Apart = dict[int, int]  # by team, the least that is left where none of it is used


class Cut(NamedTuple):
    """One benefit, as the bound sees it: no kinder to the shop than it really is."""

    bit: int
    most: int
    bps: int
    least: int  # counts only where so much is left


class Step(NamedTuple):
    """A benefit's turn in the bound."""

    bit: int
    most: int
    bps: int
    least: int
    after_least: int  # what is left where just ``least`` was
    team: int  # the bits of its team, its own among them


class Bounds:
    """The bounds of one search; ``ends`` are the turns after the discounts and after points."""

    def __init__(self, cuts: Sequence[Cut], clashes: Sequence[int], ends: tuple[int, int]) -> None:
        self.teams = _teams(cuts, clashes)  # for each benefit, the bits of all of its team
        steps = [_step(cut, team) for cut, team in zip(cuts, self.teams, strict=True)]
        self._phases = [
            (
                steps[turn : ends[0]],
                steps[max(turn, ends[0]) : ends[1]],
                steps[max(turn, ends[1]) :],
            )
            for turn in range(len(cuts) + 1)
        ]

    def least(self, turn: int, left: int, free: int) -> Least:
        """Return the least to pay with money, left before points, and left at the end.

        ``left`` stands before ``turn``; ``free`` are the bits from there on that can still count.
        A phase that is over by then leaves ``left`` as it is. The second and third figures hold
        of what pays no more than the first.
        """
        apart: Apart = {}
        total, ends = left, []
        for steps in self._phases[turn]:
            for step in steps:
                bit, most, bps, least, after_least, team = step
                if not free & bit or total < least:
                    continue
                if team != bit:
                    others = team & free & -bit != bit  # of its team, later ones
                    if others or team in apart:
                        left = _one_of(step, left, apart, last=not others)
                        continue
                if apart:
                    for other, value in apart.items():
                        apart[other] = _after(step, value)
                if left >= least:  # F(left), as in _after
                    cut = left * bps // WHOLE_BPS
                    left -= most if cut > most else cut
                elif left > after_least:
                    left = after_least
            ends.append(left)
        return ends[1], ends[0], ends[2]


def _one_of(step: Step, left: int, apart: Apart, *, last: bool) -> int:
    """Let one of a team take its turn: used only where none before it was."""
    alone = apart.get(step.team, left)
    if last:
        apart.pop(step.team, None)
    else:
        apart[step.team] = alone
    for other, value in apart.items():
        if other != step.team:
            after = _after(step, value if value > alone else alone)
            if after < value:
                apart[other] = after
    after = _after(step, alone)
    return after if after < left else left


def _after(step: Step, left: int) -> int:
    """Return F(left)."""
    _, most, bps, least, after_least, _ = step
    if left < least:
        return left if left < after_least else after_least
    cut = left * bps // WHOLE_BPS
    return left - (most if cut > most else cut)


def _step(cut: Cut, team: int) -> Step:
    bit, most, bps, least = cut
    return Step(bit, most, bps, least, least - min(most, least * bps // WHOLE_BPS), team)


def _teams(cuts: Sequence[Cut], clashes: Sequence[int]) -> list[int]:
    """Return for each benefit the bits of a team, in which each clashes with each."""
    bits: list[int] = []
    common: list[int] = []  # by team, what clashes with every member
    team = [0] * len(cuts)
    for index in sorted(range(len(cuts)), key=lambda each: -cuts[each].most):
        fitting = (at for at, shared in enumerate(common) if shared & cuts[index].bit)
        number = next(fitting, len(common))
        if number == len(common):
            common.append(-1)
            bits.append(0)
        common[number] &= clashes[index]
        bits[number] |= cuts[index].bit
        team[index] = number
    return [bits[number] for number in team]
