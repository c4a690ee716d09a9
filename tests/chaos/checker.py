"""What must hold after a fault run: judged by the readers' own logs and the database alone.

I1 and I2 are about money, I5, I7 and I8 about what is kept beside it (``docs/operations.md``). One
line per violation, each begins with the name of what it breaks.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection, transaction

from config import audit
from tests.chaos import journal


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A record as its reader's log has it."""

    amount_minor: int
    acknowledged: bool  # its batch was answered 202


@dataclass(frozen=True, kw_only=True)
class Booked:
    """A record as the database has it: how often, and with what."""

    payments: int
    transfers: int
    amount_minor: int  # of all transfers together
    verdicts: int  # POSTED records of batches


@dataclass(kw_only=True)
class Evidence:
    """Both sides, by certificate serial and ATC, and what is wrong with the books themselves."""

    sent: dict = field(default_factory=dict)
    booked: dict = field(default_factory=dict)
    batches: dict = field(default_factory=dict)  # (device, sequence) -> (digest, state), sent
    stored: dict = field(default_factory=dict)  # the same, in the database
    told: list = field(default_factory=list)  # (device, sequence, state of a record), of results
    books: list = field(default_factory=list)  # finished lines


def violations(evidence):
    """Return one line for each thing that is not as it must be."""
    return [*evidence.books, *_records(evidence), *_batches(evidence), *_results(evidence)]


def _records(evidence):
    nothing = Booked(payments=0, transfers=0, amount_minor=0, verdicts=0)
    for record, sent in evidence.sent.items():
        booked = evidence.booked.get(record, nothing)
        counts = (booked.payments, booked.transfers)
        allowed = {(1, 1)} if sent.acknowledged else {(0, 0), (1, 1)}
        how = "acknowledged" if sent.acknowledged else "sent"
        if counts not in allowed:
            yield (
                f"I2: {_name(record)} was {how} and has {booked.payments} payments, "
                f"{booked.transfers} transfers"
            )
        elif booked.payments and booked.amount_minor != sent.amount_minor:
            yield f"I2: {_name(record)} is {booked.amount_minor}, not {sent.amount_minor}"
        elif sent.acknowledged and booked.verdicts < 1:
            yield f"I2: {_name(record)} was acknowledged and no batch says it was posted"
    for record in evidence.booked.keys() - evidence.sent.keys():
        yield f"I2: {_name(record)} was posted, though no reader noted it"


def _batches(evidence):
    """Every acknowledged batch is there once, with its bytes, and none waits any more."""
    for place, (digest, acknowledged) in evidence.batches.items():
        kept = evidence.stored.get(place, [])
        if len(kept) > 1 or (acknowledged and not kept):
            yield f"I2: batch {place} is there {len(kept)} times"
        for stored_digest, state in kept:
            if stored_digest != digest:
                yield f"I2: batch {place} is there with other bytes"
            if state != "POSTED":
                yield f"I2: batch {place} is still {state}"


def _results(evidence):
    for device, sequence, state in evidence.told:
        if state != "POSTED":
            yield f"I2: a good record of {(device, sequence)} was told to be {state}"


def _name(record):
    serial, atc = record
    return f"record {serial}/{atc}"


def gather(*, folder):
    """Read the readers' logs and the database, which by now stands still."""
    evidence = Evidence()
    for path in sorted(folder.glob("RDR-*.jsonl")):
        _read_log(path, evidence)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_BOOKED)
        for serial, atc, *counts in cursor.fetchall():
            names = ("payments", "transfers", "amount_minor", "verdicts")
            evidence.booked[serial, atc] = Booked(**dict(zip(names, map(int, counts), strict=True)))
        stored = defaultdict(list)
        cursor.execute(_STORED)
        for device, sequence, digest, state in cursor.fetchall():
            stored[device, sequence].append((digest, state))
        evidence.stored = dict(stored)
        for statement in _BOOKS:
            cursor.execute(statement)
            evidence.books += [line for (line,) in cursor.fetchall()]
    _rows, broken = audit.verify()
    if broken is not None:
        evidence.books.append(f"I7: audit row {broken.audit_id}: {broken.why}")
    return evidence


def _read_log(path, evidence):
    device, acknowledged, batches = path.stem, set(), {}
    for entry in journal.read(path):
        sequence = entry["sequence"]
        if entry["op"] == "intent":
            batches[sequence] = entry
        elif entry["op"] == "upload" and entry["result"] == "answered":
            acknowledged.add(sequence)
        elif entry["op"] == "result":
            evidence.told += [(device, sequence, state) for state in entry.get("records", ())]
    for sequence, entry in batches.items():
        known = sequence in acknowledged
        evidence.batches[device, sequence] = (entry["digest"], known)
        for serial, atc, amount_minor in entry["records"]:
            evidence.sent[serial, atc] = Sent(amount_minor=amount_minor, acknowledged=known)


def _b64(column):
    return f"rtrim(translate(encode({column}, 'base64'), E'+/\\n', '-_'), '=')"


_BOOKED = f"""
WITH paid AS (
    SELECT p.id, p.credential_id, p.atc, count(t.id) AS transfers,
           COALESCE(sum(t.amount_minor), 0) AS minor
      FROM settlement_payment p LEFT JOIN settlement_transfer t ON t.payment_id = p.id
     WHERE p.channel = 'OFFLINE' GROUP BY p.id
), verdicts AS (
    SELECT payment_id, count(*) AS verdicts FROM settlement_batchrecord
     WHERE state = 'POSTED' GROUP BY payment_id
)
SELECT {_b64("c.serial")}, p.atc, count(*), sum(p.transfers), sum(p.minor),
       COALESCE(sum(v.verdicts), 0)
  FROM paid p JOIN issuers_credential c ON c.id = p.credential_id
  LEFT JOIN verdicts v ON v.payment_id = p.id
 GROUP BY c.serial, p.atc
"""
_STORED = f"""
SELECT d.reference, b.sequence, {_b64("b.digest")}, b.state
  FROM settlement_batch b JOIN config_device d ON d.id = b.device_id
 WHERE b.state <> 'REFUSED' OR b.refusal <> 'batch_sequence'
"""
_LEGS = """
WITH legs AS (
    SELECT posting_id, debit_id AS account_id, currency, -amount_minor AS minor
      FROM settlement_transfer
    UNION ALL
    SELECT posting_id, credit_id, currency, amount_minor FROM settlement_transfer
)
"""
_ADDS_UP = f"""{_LEGS}
SELECT format('I1: posting %s in %s adds up to %s', l.posting_id, a.currency, sum(l.minor))
  FROM legs l LEFT JOIN settlement_ledgeraccount a ON a.id = l.account_id
 GROUP BY l.posting_id, a.currency HAVING sum(l.minor) <> 0
"""
_AS_CLAIMED = """
SELECT format('I1: posting %s claims %s transfers of %s and holds %s of %s', p.id,
              p.transfer_count, p.transfer_sum, count(t.id), COALESCE(sum(t.amount_minor), 0))
  FROM settlement_posting p LEFT JOIN settlement_transfer t ON t.posting_id = p.id
 GROUP BY p.id
HAVING count(t.id) <> p.transfer_count OR COALESCE(sum(t.amount_minor), 0) <> p.transfer_sum
"""
_FINAL = """
SELECT format('I5: %s is %s after %s', p.reference, p.state,
              COALESCE(string_agg(e.type, ', ' ORDER BY e.id), 'no event'))
  FROM settlement_payment p LEFT JOIN config_event e ON e.subject = p.reference
 GROUP BY p.id
HAVING array_agg(e.type::text ORDER BY e.id) IS DISTINCT FROM
       CASE p.state WHEN 'APPROVED' THEN ARRAY['payment.approved']
                    WHEN 'REVERSED' THEN ARRAY['payment.approved', 'payment.reversed'] END
"""
_POSITIONS = f"""{_LEGS}, booked AS (
    SELECT a.owner, sum(l.minor) AS minor
      FROM legs l JOIN settlement_ledgeraccount a ON a.id = l.account_id
     WHERE a.kind = 'CARDHOLDER' GROUP BY a.owner
), reserved AS (
    SELECT k.account_id, sum(c.reserve_minor) AS minor
      FROM issuers_credential c JOIN issuers_card k ON k.id = c.card_id GROUP BY k.account_id
), held AS (
    SELECT account_id, sum(amount_minor) AS minor FROM issuers_hold
     WHERE state = 'HELD' GROUP BY account_id
)
SELECT format('I8: %s: balance %s of %s, reserve %s of %s, holds %s of %s', a.reference,
              a.balance_minor, b.minor, a.offline_reserve_minor, r.minor, a.held_minor, h.minor)
  FROM issuers_account a LEFT JOIN booked b ON b.owner = a.reference
  LEFT JOIN reserved r ON r.account_id = a.id LEFT JOIN held h ON h.account_id = a.id
 WHERE a.balance_minor <> COALESCE(b.minor, 0)
    OR a.offline_reserve_minor <> COALESCE(r.minor, 0) OR a.held_minor <> COALESCE(h.minor, 0)
"""
_DAYS = """
SELECT format('I8: %s %s: %s sales of %s, paid %s of %s', d.merchant_id, d.business_date,
              d.sales, d.sales_minor, count(p.id), sum(p.amount_minor))
  FROM settlement_merchantday d
  LEFT JOIN settlement_payment p ON p.merchant_id = d.merchant_id
       AND p.business_date = d.business_date AND p.channel = d.channel AND p.currency = d.currency
 GROUP BY d.id
HAVING count(p.id) <> d.sales OR COALESCE(sum(p.amount_minor), 0) <> d.sales_minor
"""
_NUMBERED = """
SELECT format('events: %s has %s, numbered %s to %s, head %s', e.scope, count(*), min(e.seq),
              max(e.seq), h.seq)
  FROM config_event e LEFT JOIN config_eventhead h ON h.scope = e.scope
 GROUP BY e.scope, h.seq
HAVING count(*) <> count(DISTINCT e.seq) OR min(e.seq) <> 1 OR max(e.seq) <> count(*)
    OR h.seq IS DISTINCT FROM max(e.seq)
"""
_TOLD_ONCE = """
SELECT format('events: %s was told %s times to be posted', b.reference, count(e.id))
  FROM settlement_batch b
  LEFT JOIN config_event e ON e.subject = b.reference AND e.type = 'batch.posted'
 WHERE b.state = 'POSTED' GROUP BY b.id HAVING count(e.id) <> 1
"""
_BOOKS = (_ADDS_UP, _AS_CLAIMED, _FINAL, _POSITIONS, _DAYS, _NUMBERED, _TOLD_ONCE)
