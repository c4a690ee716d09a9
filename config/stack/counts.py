"""What pytest reports, counted from its JUnit XML."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

EXPECTED_FAILURE = "pytest.xfail"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Tests by outcome; an error in set-up or tear-down counts as failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    xfailed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            xfailed=self.xfailed + other.xfailed,
        )

    @property
    def ran(self) -> bool:
        """Whether there was any test at all."""
        return self != Counts()

    def __str__(self) -> str:
        line = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        return f"{line}, {self.xfailed} xfailed" if self.xfailed else line


def read(report: Path) -> Counts:
    """This function will count the outcomes in a JUnit XML file; none when pytest wrote no file."""
    counts = Counts()
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  pytest wrote it
            counts += _outcome(case)
    return counts


def _outcome(case: ElementTree.Element) -> Counts:
    if case.find("failure") is not None or case.find("error") is not None:
        return Counts(failed=1)
    skipped = case.find("skipped")
    if skipped is None:
        return Counts(passed=1)
    if skipped.get("type") == EXPECTED_FAILURE:
        return Counts(xfailed=1)
    return Counts(skipped=1)
