"""What every benchmark gives the runner: a goal, and a ratio measured by alternating two things."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Where a ratio should get to; ``required`` is what is judged, None where it is only told."""

    goal: float
    required: float | None = None
    higher_is_better: bool = True

    def reached_by(self, ratio: float, *, mark: float | None = None) -> bool:
        """Return whether ``ratio`` gets to the goal, or to ``mark``."""
        mark = self.goal if mark is None else mark
        return ratio >= mark if self.higher_is_better else ratio <= mark


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of one benchmark.

    ``faults``: what its own correctness check found wrong, a line each; any makes the run fail.
    ``figures``: what else it measured, told beside the ratio, never judged.
    """

    ratios: Sequence[float]  # one per round
    rows_checked: int
    conditions: Mapping[str, object]
    figures: Mapping[str, object] = field(default_factory=dict)
    faults: Sequence[str] = ()

    @property
    def ratio(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.ratios)


def alternate[A, B](
    *, rounds: int, ours: Callable[[], A], peer: Callable[[], B]
) -> list[tuple[A, B]]:
    """Run both once a round, which goes first changing every time; return what they returned."""
    measured = []
    for number in range(rounds):
        if number % 2:
            theirs = peer()
            measured.append((ours(), theirs))
        else:
            mine = ours()
            measured.append((mine, peer()))
    return measured
