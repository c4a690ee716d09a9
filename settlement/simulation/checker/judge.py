"""One whole check: journals and database laid side by side in a scratch file, then judged."""

import sqlite3
import tempfile
from pathlib import Path

from settlement.simulation.checker import (
    benefits,
    books,
    histories,
    ledger,
    lists,
    logs,
    preapprovals,
    records,
    sales,
)
from settlement.simulation.checker.findings import Findings


def check(*, folder: Path, database: str) -> Findings:
    """
    Return what the run whose journals lie in ``folder`` breaks of I1 to I5, I8 and what sales and
    benefits need.

    ``database``: how libpq connects; nothing is written there. An invariant that rests upon a
    broken one is not judged on what is broken: a row is named by its first cause.
    """
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="paydesk-check-") as place:
        scratch = sqlite3.connect(Path(place) / "sides.db")
        scratch.execute("PRAGMA journal_mode = OFF")
        scratch.execute("PRAGMA synchronous = OFF")
        opened = books.Books(database)
        try:
            _check(folder, scratch, opened, findings)
        finally:
            opened.close()
            scratch.close()
    return findings


def _check(
    folder: Path, scratch: sqlite3.Connection, opened: books.Books, findings: Findings
) -> None:
    devices = logs.load(folder=folder, scratch=scratch)
    tills = sales.load(folder=folder, books=opened, scratch=scratch)
    benefits.load(folder=folder, books=opened, scratch=scratch)
    books.load(books=opened, devices=devices, tills=tills, scratch=scratch)
    ledger.check_ledger(opened, findings)
    records.check(scratch, findings)
    sales.check(scratch, findings)
    benefits.check(opened, scratch, findings)
    lists.check_versions(scratch, opened, devices, findings)
    histories.check_states(scratch, findings)
    histories.check_events(scratch, opened, findings)
    ledger.check_positions(opened, findings)
    preapprovals.check(folder, opened, findings)
    lists.check_silence(scratch, findings)
    lists.check_listed(scratch, findings)
