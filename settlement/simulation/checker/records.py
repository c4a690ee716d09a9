"""I2 and 1.10: each record the readers approved, against the books and the portal's word."""

import sqlite3
from typing import Any, Final, NamedTuple

from settlement.simulation.checker.findings import Findings

_AHEAD_S: Final = 5 * 60  # protocol §5: future_time
_OLDEST_S: Final = 8 * 24 * 60 * 60  # too_late


class _Record(NamedTuple):
    digest: str
    device: str
    serial: str
    atc: int
    card: str
    amount: int
    voids: int | None
    at: int | None
    online: int
    state: str | None
    reason: str | None
    sequence: int | None
    place: int | None


def check(scratch: sqlite3.Connection, findings: Findings) -> None:
    """Judge every approved record, every payment, and every batch sent twice."""
    for row in scratch.execute(_APPROVED):
        findings.checked["records"] += 1
        _judge(_Record(*row), scratch, findings)
    for digest, fault in scratch.execute("SELECT digest, fault FROM harmed"):
        _judge_harmed(digest, fault, scratch, findings)
    for reference, digest in scratch.execute(_INVENTED):
        findings.add("I2", reference, f"no reader approved its record {digest} as it stands")
    for device, sequence in scratch.execute("SELECT device, sequence FROM again"):
        findings.add("I2", f"{device}/{sequence}", "sent again, it had another result")
    findings.checked["payments"] = _count(scratch, "SELECT count(*) FROM payment")
    for digest in _column(scratch, _DENIED):
        findings.add("I2", digest, "declined online, it is in the books")
    _money(scratch, findings)


_APPROVED: Final = """
SELECT a.*, r.state, r.reason, r.sequence, r.place
  FROM approved a LEFT JOIN result r ON r.rowid =
       (SELECT max(rowid) FROM result WHERE digest = a.digest)
"""
_INVENTED: Final = """
SELECT reference, digest FROM payment p
 WHERE (NOT EXISTS (SELECT 1 FROM approved a WHERE a.digest = p.digest)
        AND NOT EXISTS (SELECT 1 FROM asked q WHERE q.digest = p.digest))
    OR EXISTS (SELECT 1 FROM harmed h WHERE h.digest = p.digest)
"""
_DENIED: Final = """
SELECT q.digest FROM asked q JOIN payment p USING (digest)
 WHERE q.denied AND NOT EXISTS (SELECT 1 FROM approved a WHERE a.digest = q.digest)
"""


def _judge(record: _Record, scratch: sqlite3.Connection, findings: Findings) -> None:
    if _is_harmed(record, scratch):
        return
    if record.online or record.state == "POSTED":
        _judge_posted(record, scratch, findings)
    elif record.state is None:
        findings.add("I2", record.digest, "approved, and the portal never gave a result")
    elif not _excused(record, scratch, findings):
        findings.add("I2", record.digest, f"approved, and rejected: {record.reason}")
    elif _in_books(record.digest, scratch):
        findings.add("I2", record.digest, "rejected, and in the books all the same")


def _judge_posted(record: _Record, scratch: sqlite3.Connection, findings: Findings) -> None:
    if record.voids is not None:
        reversed_ = _column(scratch, _REVERSED, record.digest)
        if len(reversed_) != 1:
            findings.add("I2", record.digest, f"a void was posted, it reversed {reversed_}")
        return
    found = scratch.execute(
        "SELECT reference, amount FROM payment WHERE digest = ?", [record.digest]
    ).fetchall()
    if len(found) != 1:
        said = f"{record.serial}/{record.atc} was acknowledged, it is in the books"
        findings.add("I2", record.digest, f"{said} {len(found)} times")
    elif found[0][1] != record.amount:
        findings.add(
            "I2", found[0][0], f"{found[0][1]} in the books, approved were {record.amount}"
        )


_REVERSED: Final = """
SELECT payment FROM seen
 WHERE digest = ? AND (state = 'REVERSED' OR EXISTS (
     SELECT 1 FROM event e WHERE e.subject = seen.payment AND e.kind = 'payment.reversed'))
"""


def _judge_harmed(digest: str, fault: str, scratch: sqlite3.Connection, findings: Findings) -> None:
    told = scratch.execute(
        "SELECT state, reason FROM result WHERE digest = ? ORDER BY rowid DESC", [digest]
    ).fetchone()
    if told != ("REJECTED", "record_signature"):
        findings.add("I2", digest, f"{fault}: the portal's word is {told}")


def _is_harmed(record: _Record, scratch: sqlite3.Connection) -> bool:
    """Return whether a dishonest shop altered this record, or made it up, before it was sent."""
    row = scratch.execute(
        "SELECT 1 FROM harmed WHERE digest = ? OR (serial, atc) = (?, ?)",
        [record.digest, record.serial, record.atc],
    ).fetchone()
    return row is not None and record.state != "POSTED"


def _excused(record: _Record, scratch: sqlite3.Connection, findings: Findings) -> bool:
    """Return whether the portal had to reject it: the protocol's own reasons, seen from here."""
    if record.reason == "duplicate_atc":
        return _is_second(record, scratch, findings)
    if record.reason == "sale_unknown":
        return record.voids is not None and _sale_rejected(record, scratch)
    arrived = _value(
        scratch,
        "SELECT at FROM received WHERE (device, sequence) = (?, ?) AND state = 'POSTED'",
        record.device,
        record.sequence,
    )
    if arrived is None or record.at is None:
        return False
    if record.reason == "future_time":
        return bool(record.at > arrived + _AHEAD_S)
    enrolled = _value(scratch, "SELECT at FROM enrolled WHERE device = ?", record.device)
    oldest: int = max(arrived - _OLDEST_S, enrolled or 0)
    return record.reason == "too_late" and record.at < oldest


def _is_second(record: _Record, scratch: sqlite3.Connection, findings: Findings) -> bool:
    """Judge a second payload under one ATC (mission 1.10): disputed, listed, and a copy's."""
    if _value(scratch, "SELECT 1 FROM copied WHERE card = ?", record.card) is None:
        findings.add("1.10", record.digest, f"ATC {record.atc} came twice, and nobody copied it")
    others = _value(scratch, _PAYLOADS, *([record.serial, record.atc, record.digest] * 2))
    if not others:
        return False
    listed = _value(
        scratch,
        "SELECT listed FROM dispute WHERE (device, sequence, place) = (?, ?, ?)",
        record.device,
        record.sequence,
        record.place,
    )
    if not listed:
        what = "disputed, its card is not listed" if listed == 0 else "no dispute was opened"
        findings.add("1.10", record.digest, f"ATC {record.atc} came twice: {what}")
    return True


_PAYLOADS: Final = """
SELECT (SELECT count(*) FROM approved WHERE (serial, atc) = (?, ?) AND digest <> ?)
     + (SELECT count(*) FROM asked WHERE (serial, atc) = (?, ?) AND digest <> ?)
"""


def _sale_rejected(record: _Record, scratch: sqlite3.Connection) -> bool:
    posted = """
SELECT count(*) FROM approved a JOIN result r USING (digest)
 WHERE (a.serial, a.atc, a.device) = (?, ?, ?) AND r.state = 'POSTED'
"""
    return not _value(scratch, posted, record.serial, record.voids, record.device)


def _in_books(digest: str, scratch: sqlite3.Connection) -> bool:
    return bool(_value(scratch, "SELECT 1 FROM seen WHERE digest = ?", digest))


def _money(scratch: sqlite3.Connection, findings: Findings) -> None:
    """Compare each payment with its transfers, unless the ledger itself does not add up."""
    if findings.breaks("I1"):
        return
    rows = scratch.execute("SELECT reference, amount, state, paid, taken, given FROM payment")
    for reference, amount, state, paid, taken, given in rows:
        back = amount if state == "REVERSED" else 0
        reversed_ = "SELECT 1 FROM event WHERE subject = ? AND kind = 'payment.reversed'"
        back = amount if _value(scratch, reversed_, reference) else back
        if (paid, taken) != (amount, back + given) or back + given > amount:
            findings.add("I2", reference, f"of {amount} the shop was paid {paid}, less {taken}")


def _column(scratch: sqlite3.Connection, query: str, *values: object) -> list[Any]:
    return [row[0] for row in scratch.execute(query, values)]


def _value(scratch: sqlite3.Connection, query: str, *values: object) -> Any:
    row = scratch.execute(query, values).fetchone()
    return row[0] if row else None


def _count(scratch: sqlite3.Connection, query: str) -> int:
    return int(_value(scratch, query))
