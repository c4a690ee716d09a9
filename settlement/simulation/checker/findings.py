"""What a checker found: which invariant, what, and where."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One row, line or record that breaks an invariant, ``where`` naming it."""

    invariant: str
    what: str
    where: str


@dataclass(slots=True)
class Findings:
    """All violations of one check, and how much was looked at."""

    violations: list[Violation] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)

    def add(self, invariant: str, where: str, what: str) -> None:
        """Add a violation; what is broken already is named by its first cause alone."""
        if not self.names(where):
            self.violations.append(Violation(invariant=invariant, what=what, where=where))

    def names(self, where: str) -> bool:
        """Return whether that row broke an invariant already."""
        return any(each.where == where for each in self.violations)

    def breaks(self, invariant: str) -> bool:
        """Return whether anything breaks ``invariant``."""
        return any(each.invariant == invariant for each in self.violations)

    def answer(self) -> dict[str, Any]:
        """Return it as ``check_run`` prints it."""
        return {
            "violations": [asdict(each) for each in self.violations],
            "checked": dict(sorted(self.checked.items())),
        }
