"""The portal with a payment's lock and the check of its move left out: for negative controls.

Who has read the payment dallies, so that calls which come together have all read the same.
"""

from typing import Final

from config.pipeline import Statement
from config.wsgi import application
from settlement.services.payments import rows

__all__ = ["application"]

DALLY: Final = " AND pg_sleep(0.02) IS NOT NULL"


def unlocked(*, tid):
    statement = rows.unlocked(tid=tid)
    return Statement(statement.sql + DALLY, statement.parameters)


rows.locked = unlocked
rows.check_moved = lambda _answers: None
