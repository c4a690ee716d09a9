"""What a database holds, in a few figures that two equal ones share: ledger, events, trail, rows.

:func:`of_now` belongs into a snapshot, so that all of it is of one moment.
"""

from typing import Any, Final

from config import audit, dumps
from config.models import Audit, EventHead
from settlement.services import ledger

LEDGER: Final = "ledger_digest"


def of_now() -> dict[str, Any]:
    """
    Return the ledger's digest, the newest number of each scope of events, the length and newest
    hash of the audit chain, and the rows of each table: JSON types alone.
    """
    head = Audit.objects.order_by("-id").values_list("hash", flat=True).first()
    return {
        LEDGER: ledger.digest(),
        "event_heads": dict(EventHead.objects.order_by("scope").values_list("scope", "seq")),
        "audit_head": bytes(head or audit.GENESIS).hex(),
        "audit_rows": Audit.objects.count(),
        "rows": dumps.row_counts(),
    }


def differences(*, was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the names of the figures that are not the same, and what breaks the audit chain."""
    unequal = [name for name in now if was.get(name) != now[name]]
    _rows, broken = audit.verify(head=bytes.fromhex(now["audit_head"]) if _chained(now) else None)
    return unequal + ([f"audit row {broken.audit_id}: {broken.why}"] if broken else [])


def _chained(statement: dict[str, Any]) -> bool:
    return bool(statement["audit_rows"])
