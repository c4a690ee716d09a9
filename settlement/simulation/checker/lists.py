"""I3, 1.02 and 1.13: list versions only rise, and who is listed is refused."""

import sqlite3
from typing import Final

from settlement.simulation.checker.books import Books
from settlement.simulation.checker.findings import Findings


def check_versions(
    scratch: sqlite3.Connection, books: Books, devices: list[str], findings: Findings
) -> None:
    """I3: at the issuer, at every reader and in the portal's log; and no reader ends behind."""
    for (versions,) in books.rows("SELECT count(*) FROM issuers_blacklistversion"):
        findings.checked["versions"] = versions
    for query in (_PUBLISHED, _ABOVE):
        for where, what in books.rows(query):
            findings.add("I3", where, what)
    for where, what in books.rows(_FETCHED, devices):
        findings.add("I3", where, what)
    for device, issuer, version, before in scratch.execute(_FELL):
        findings.add("I3", f"{device} {issuer} v{version}", f"was held after v{before}")
    newest = dict(books.rows(_NEWEST))
    _check_held(scratch, newest, findings)
    for verb, version in scratch.execute("SELECT verb, max(version) FROM act GROUP BY verb"):
        if version > max(newest.values(), default=0):
            findings.add("I3", f"v{version}", f"a {verb} was published with it, it is not there")


def _check_held(scratch: sqlite3.Connection, newest: dict[str, int], findings: Findings) -> None:
    """Compare what each reader holds at the end with what is published, and with what should be."""
    due = scratch.execute("SELECT COALESCE(max(version), 0) FROM act").fetchone()[0]
    for device, issuer, last, most in scratch.execute(_HELD):
        if most > newest.get(issuer, 0):
            findings.add("I3", f"{device} {issuer} v{most}", "was held, and never published")
        if last < min(due, newest.get(issuer, 0)) and issuer == _issuer_of(scratch):
            findings.add("I3", f"{device} {issuer} v{last}", f"is held last, published was v{due}")


def _issuer_of(scratch: sqlite3.Connection) -> str:
    """Return the issuer whose lists the run's acts changed: a run has one."""
    row = scratch.execute("SELECT issuer FROM held ORDER BY version DESC LIMIT 1").fetchone()
    return str(row[0])


_PUBLISHED: Final = """
SELECT format('%s v%s', i.reference, v.version), format('was published after v%s', v.before)
  FROM (SELECT issuer_id, version, lag(version) OVER (PARTITION BY issuer_id ORDER BY id) AS before
          FROM issuers_blacklistversion) v JOIN issuers_issuer i ON i.id = v.issuer_id
 WHERE v.version <= v.before
"""
_ABOVE: Final = """
SELECT format('%s v%s', i.reference, max(l.added_in)), 'lists a number, and was never published'
  FROM issuers_listednumber l JOIN issuers_issuer i ON i.id = l.issuer_id
 GROUP BY i.id, i.reference
HAVING max(l.added_in) > COALESCE(
    (SELECT max(version) FROM issuers_blacklistversion WHERE issuer_id = i.id), 0)
"""
_FETCHED: Final = """
SELECT format('%%s download %%s', d.reference, f.id), format('v%%s was given after v%%s', f.version,
              f.before)
  FROM (SELECT id, device_id, version,
               lag(version) OVER (PARTITION BY device_id, issuer_id ORDER BY id) AS before
          FROM issuers_blacklistdownload) f JOIN config_device d ON d.id = f.device_id
 WHERE d.reference = ANY(%s) AND f.version < f.before
"""
_NEWEST: Final = """
SELECT i.reference, max(v.version)
  FROM issuers_blacklistversion v JOIN issuers_issuer i ON i.id = v.issuer_id GROUP BY i.reference
"""
_FELL: Final = """
SELECT device, issuer, version, before FROM (
    SELECT device, issuer, version,
           lag(version) OVER (PARTITION BY device, issuer ORDER BY place) AS before FROM held)
 WHERE version < before
"""
_HELD: Final = """
SELECT device, issuer, version, max(most) FROM (
    SELECT device, issuer, place, version,
           max(version) OVER (PARTITION BY device, issuer) AS most,
           max(place) OVER (PARTITION BY device, issuer) AS final FROM held)
 WHERE place = final GROUP BY device, issuer
"""


def check_silence(scratch: sqlite3.Connection, findings: Findings) -> None:
    """1.02: a card its phone knows as frozen opens no connection at all."""
    findings.checked["taps"] = scratch.execute("SELECT count(*) FROM tapped").fetchone()[0]
    findings.checked["contacts"] = scratch.execute("SELECT count(*) FROM contact").fetchone()[0]
    for tap, frozen in scratch.execute(_SPOKE):
        known = "with a card its phone knew as frozen" if frozen else "though its phone said no"
        findings.add("1.02", f"tap {tap}", f"reached a reader {known}")


_SPOKE: Final = """
SELECT tap, frozen FROM tapped JOIN contact USING (tap)
 WHERE frozen OR (NOT contacted AND code <> 'no_reader')
"""


def check_listed(scratch: sqlite3.Connection, findings: Findings) -> None:
    """1.13: a reader that holds a card's entry approves nothing of it."""
    for tap, issuer, version in scratch.execute(_CARRIED):
        findings.add("1.13", f"tap {tap}", f"approved by a reader that held {issuer} v{version}")


_CARRIED: Final = """
SELECT c.tap, c.issuer, c.version FROM carried c
  JOIN listed l ON l.serial = c.serial AND l.issuer = c.issuer
 WHERE l.added <= c.version AND (l.removed IS NULL OR c.version < l.removed)
"""
