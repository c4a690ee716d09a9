"""The portal's own database, for what no page or command says, and to let time pass in it."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from config.stack import places
from config.wire import b64
from tests.journeys.portal import Portal

_WAITING = """
SELECT o.* FROM issuers_otacommand o JOIN issuers_card c ON c.id = o.card_id
 WHERE c.token = %s ORDER BY o.version DESC LIMIT 1
"""
_SOONER = "UPDATE issuers_otacommand SET next_attempt_at = now() WHERE id = %s AND attempts = %s"
_OLDER = """
UPDATE issuers_otacommand SET created_at = created_at - %s::interval, next_attempt_at = now()
 WHERE id = %s
"""
_MOVED = """
SELECT t.code, debit.kind AS debit, debit.owner AS debited, credit.kind AS credit,
       credit.owner AS credited, t.amount_minor
  FROM settlement_transfer t
  JOIN settlement_payment y ON y.id = t.payment_id
  JOIN settlement_ledgeraccount debit ON debit.id = t.debit_id
  JOIN settlement_ledgeraccount credit ON credit.id = t.credit_id
 WHERE y.approval_code = %s ORDER BY t.id
"""


class Books:
    """One connection to the database of a running portal."""

    def __init__(self, portal: Portal) -> None:
        url = places.locate(data_dir=str(portal.data)).database_url
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def close(self) -> None:
        self._connection.close()

    def command(self, *, card: str) -> dict[str, Any]:
        """Return the card's newest over-the-air command."""
        row = self._connection.execute(_WAITING, [b64.decode(card)]).fetchone()
        assert row is not None
        return row

    def try_now(self, command: dict[str, Any]) -> None:
        """Let the wait before the next attempt be over."""
        self._connection.execute(_SOONER, [command["id"], command["attempts"]])

    def let_pass(self, command: dict[str, Any], *, hours: int) -> None:
        """Let the command have been queued so much earlier."""
        self._connection.execute(_OLDER, [f"{hours} hours", command["id"]])

    def moved(self, *, approval_code: str) -> list[dict[str, Any]]:
        """Return the transfers of a payment, by its approval code."""
        return self._connection.execute(_MOVED, [approval_code]).fetchall()
