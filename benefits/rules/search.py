"""Branch and bound over which benefits to use; the purchase itself is run through, turn by turn.

Each benefit's turn is a fork: used, or left out. The lines of those used are the real ones, so a
leaf's figures are a quote's. A branch is given up when nothing in it can be better than the best
found (``bounds``), or when it stands where a better one stood before: at the same turn, with the
same parts left and the same benefits still free. Both proofs: ``docs/algorithms/benefits.md``.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from benefits.rules.bounds import Bounds, Cut, Least
from benefits.rules.takings import Parts, Taker, left_after, taken
from benefits.rules.vocabulary import WHOLE_BPS


class Candidate(NamedTuple):
    """A benefit that could count. ``rank`` is one bit, the highest of who expires first."""

    taker: Taker
    worth: int  # what it would take if it were used first and alone
    min_purchase: int
    bit: int  # its own, a higher one for a later turn
    clashes: int  # the bits of those it does not go together with
    rank: int


class Rating(NamedTuple):
    """How good a combination is: the lowest wins, its figures compared in this order."""

    to_pay: int  # with money: what remains, and gift cards
    before_points: int  # what is left when all discounts are: the lower, the fewer points spent
    remainder: int
    benefits: int
    late: int  # less the ranks: lowest where those used expire first


class Node(NamedTuple):
    """A point of the search: before a turn, with some benefits used."""

    turn: int  # the next
    left: Parts
    total: int  # of ``left``
    blocked: int  # those used, left out, or clashing with one used
    used: int
    many: int  # of them
    ranks: int
    before_points: int
    before_gifts: int
    least: Least


class Found(NamedTuple):
    """The best combination found; where it is not ``proven``, no other pays less than ``least``."""

    used: int  # the bits of those used
    proven: bool
    least_to_pay: int
    nodes: int


_NEVER: Final = 1 << 30  # more benefits than anybody holds


class Search:
    """One search: ``ends`` are the turns after the last discount and after the last points."""

    def __init__(
        self, candidates: Sequence[Candidate], parts: Parts, *, ends: tuple[int, int], most: int
    ) -> None:
        self._candidates = candidates
        self._ends = ends
        self._most_nodes = most
        self._bounds = Bounds(
            [
                Cut(
                    each.bit,
                    each.worth,
                    each.taker.bps,
                    max(each.min_purchase, each.taker.min_spend),
                )
                for each in candidates
            ],
            [each.clashes for each in candidates],
            ends,
        )
        teams = zip(candidates, self._bounds.teams, strict=True)
        self._by_worth = sorted(
            ((each.worth, each.bit, team) for each, team in teams), reverse=True
        )
        scoped = [turn for turn, each in enumerate(candidates) if each.taker.positions is not None]
        self._whole_from = max(scoped, default=-1) + 1  # from here on nobody looks at parts
        bits = [each.bit for each in candidates]
        self._from = [sum(bits[turn:]) for turn in range(len(bits) + 1)]  # of this turn and later
        self._best: Rating | None = None
        self._figures: Least = (0, 0, 0)  # of the best
        self._used = 0
        self._seen: dict[tuple[int, Parts, int], tuple[int, int, int, int]] = {}
        self._nodes = 0
        self._open = [self._root(parts)]

    def run(self) -> Found:
        """Return the best combination, or the best so far once so many nodes were forked."""
        while self._open and self._nodes < self._most_nodes:
            node = self._open.pop()
            if not self._hopeless(node):
                self._fork(node)
        return self._found()

    def _found(self) -> Found:
        waiting = [node for node in self._open if not self._hopeless(node)]
        least = [node.least[0] for node in waiting]
        if self._best is not None:
            least.append(self._best.to_pay)
        return Found(self._used, proven=not waiting, least_to_pay=min(least), nodes=self._nodes)

    def _root(self, parts: Parts) -> Node:
        total = sum(parts)
        least = self._bounds.least(0, total, self._from[0])
        left = parts if self._whole_from else (total,)
        return Node(0, left, total, 0, 0, 0, 0, total, total, least)

    def _fork(self, node: Node) -> None:
        self._nodes += 1
        turn, amount = self._next(node)
        if turn == len(self._candidates):
            self._end(node)
        elif not self._was_better(node, turn):
            without, used = self._without(node, turn), self._with(node, turn, amount)
            self._open += (used, without) if self._rather(without, used) else (without, used)

    def _rather(self, one: Node, other: Node) -> bool:
        """Return whether ``one`` promises more than ``other``."""
        if one.least != other.least or self._best is None or one.least != self._figures:
            return one.least < other.least
        return self._needed(one, self._best) < self._needed(other, self._best)

    def _next(self, node: Node) -> tuple[int, int]:
        """Return the next turn at which something can be taken, and how much."""
        for turn in range(node.turn, len(self._candidates)):
            candidate = self._candidates[turn]
            if node.blocked & candidate.bit or node.total < candidate.min_purchase:
                continue
            if amount := taken(candidate.taker, node.left):
                return turn, amount
        return len(self._candidates), 0

    def _was_better(self, node: Node, turn: int) -> bool:
        """Return whether this very place was reached before by no worse a way; note it if not."""
        place = (turn, node.left, node.blocked & self._from[turn])
        points = node.before_points if turn >= self._ends[0] else 0
        gifts = node.before_gifts if turn >= self._ends[1] else 0
        way = (gifts, points, node.many, -node.ranks)
        before = self._seen.get(place)
        if before is not None and before <= way:
            return True
        self._seen[place] = way
        return False

    def _without(self, node: Node, turn: int) -> Node:
        """Return the node after ``turn``, its benefit left out."""
        _, left, total, blocked, used, many, ranks, before_points, before_gifts, _ = node
        left = (total,) if turn + 1 == self._whole_from else left
        least = self._least(turn + 1, total, blocked, before_points, before_gifts)
        return Node(
            turn + 1, left, total, blocked, used, many, ranks, before_points, before_gifts, least
        )

    def _with(self, node: Node, turn: int, amount: int) -> Node:
        """Return the node after ``turn``, its benefit used.

        Where that bars nothing, and takes what the bound lets it take, the bound stays.
        """
        _, left, total, blocked, used, many, ranks, before_points, before_gifts, least = node
        taker, worth, _, bit, clashes, rank = self._candidates[turn]
        bars = clashes & self._from[turn] & ~blocked
        whole = amount == min(worth, total * taker.bps // WHOLE_BPS)
        total, blocked = total - amount, blocked | clashes
        left = (total,) if turn + 1 == self._whole_from else left_after(taker, left, amount)
        before_points = total if turn < self._ends[0] else before_points
        before_gifts = total if turn < self._ends[1] else before_gifts
        if bars or not whole:
            least = self._least(turn + 1, total, blocked, before_points, before_gifts)
        used, many, ranks = used | bit, many + 1, ranks | rank
        return Node(
            turn + 1, left, total, blocked, used, many, ranks, before_points, before_gifts, least
        )

    def _least(
        self, turn: int, total: int, blocked: int, before_points: int, before_gifts: int
    ) -> Least:
        """Return the bound before ``turn``; figures that are settled by then stand as they are."""
        least = self._bounds.least(turn, total, self._from[turn] & ~blocked)
        if turn < self._ends[0]:
            return least
        return (least[0] if turn < self._ends[1] else before_gifts), before_points, least[2]

    def _end(self, node: Node) -> None:
        rating = Rating(node.before_gifts, node.before_points, node.total, node.many, -node.ranks)
        if self._best is None or rating < self._best:
            self._best, self._figures, self._used = rating, rating[:3], node.used

    def _hopeless(self, node: Node) -> bool:
        """Return whether nothing from here on can be better than the best."""
        best = self._best
        if best is None:
            return False
        if node.least != self._figures:
            return node.least > self._figures
        return self._takes_too_many(node, best)

    def _takes_too_many(self, node: Node, best: Rating) -> bool:
        """Return whether, figures being equal, it needs more benefits or later ones."""
        needed, lowest = self._needed(node, best)
        if needed != best.benefits:
            return needed > best.benefits
        return -self._earliest(node, needed - node.many, lowest) >= best.late

    def _needed(self, node: Node, best: Rating) -> tuple[int, int]:
        """Return how many benefits it needs at least to leave what the best leaves.

        At least so many more are needed as, the highest first, make up what must come off yet;
        each of just so many is worth the second figure at least, which the others together leave.
        """
        missing, needed, lowest = node.total - best.remainder, node.many, 0
        gone = node.blocked | ~self._from[node.turn]
        for most, bit, team in self._by_worth:
            if missing <= 0:
                return needed, lowest
            if not gone & bit:
                lowest = missing
                missing -= most
                needed += 1
                gone |= team
        return (needed if missing <= 0 else _NEVER), lowest

    def _earliest(self, node: Node, more: int, lowest: int) -> int:
        """Return the ranks of ``node`` with ``more`` of those still free that expire first.

        Only those worth ``lowest`` come into question.
        """
        free = [
            candidate.rank
            for candidate in self._candidates[node.turn :]
            if candidate.worth >= lowest and not node.blocked & candidate.bit
        ]
        return node.ranks | sum(sorted(free, reverse=True)[:more])
