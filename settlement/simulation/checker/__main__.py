"""``python -m settlement.simulation.checker LOGS DATABASE``: one JSON object, 1 if broken."""

import json
import sys
from pathlib import Path

from settlement.simulation.checker.judge import check


def main() -> int:
    """Check the run of the command line."""
    folder, database = sys.argv[1:3]
    findings = check(folder=Path(folder), database=database)
    sys.stdout.write(json.dumps(findings.answer()) + "\n")
    return 1 if findings.violations else 0


if __name__ == "__main__":
    sys.exit(main())
