"""The portal's own database, for what no page or command says, and to let time pass in it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier

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
_MOVED_BY = """
SELECT t.code, debit.kind AS debit, debit.owner AS debited, credit.kind AS credit,
       credit.owner AS credited, t.amount_minor
  FROM settlement_transfer t
  JOIN settlement_paymentrequest r ON r.payment_id = t.payment_id
  JOIN settlement_ledgeraccount debit ON debit.id = t.debit_id
  JOIN settlement_ledgeraccount credit ON credit.id = t.credit_id
 WHERE r.tid = %s ORDER BY t.id
"""
_ENDS = """
SELECT r.tid, p.state, COALESCE(p.approval_code, '') AS approval_code
  FROM settlement_payment p JOIN settlement_paymentrequest r ON r.payment_id = p.id
 WHERE r.tid = ANY(%s)
"""
_OVER = "UPDATE settlement_paymentrequest SET expires_at = now() WHERE tid = %s"
_PLAN_OVER = """
UPDATE benefits_plan SET {} = now() + %s::interval WHERE reference = %s RETURNING {}
"""
_OWED = """
SELECT COALESCE(sum(CASE WHEN t.debit_id = a.id THEN t.amount_minor ELSE -t.amount_minor END), 0)
       ::bigint AS minor
  FROM settlement_ledgeraccount a
  JOIN settlement_transfer t ON a.id IN (t.debit_id, t.credit_id)
 WHERE a.kind = 'SPONSOR' AND a.owner = %s
"""
_BRAND = "SELECT reference FROM benefits_sponsor WHERE kind = 'BRAND' AND name = %s"
_ALERTS = "SELECT * FROM config_alert WHERE subject = %s ORDER BY id"
_ACCOUNT = """
SELECT a.reference FROM issuers_account a JOIN issuers_card c ON c.account_id = a.id
 WHERE c.token = %s
"""
_TABLES = """
SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE %s
"""
_TOLD = "SELECT e::text AS text FROM config_event e WHERE scope = %s"


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

    def moved_by(self, *, tid: str) -> list[dict[str, Any]]:
        """Return the transfers of a payment, by its T-ID."""
        return self._connection.execute(_MOVED_BY, [tid]).fetchall()

    def ends(self, tids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return state and approval code of each T-ID's payment."""
        rows = self._connection.execute(_ENDS, [list(tids)]).fetchall()
        return {row["tid"]: (row["state"], row["approval_code"]) for row in rows}

    def net(self, *, tid: str) -> dict[tuple[str, str], int]:
        """Return what a payment moved in the end, by account, zeros left out; minor units."""
        sums: Counter[tuple[str, str]] = Counter()
        for move in self.moved_by(tid=tid):
            sums[move["debit"], move["debited"]] -= move["amount_minor"]
            sums[move["credit"], move["credited"]] += move["amount_minor"]
        return {account: amount for account, amount in sums.items() if amount}

    def let_expire(self, *, tid: str) -> None:
        """Let the time of a request to pay be over; no program may change it otherwise."""
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")
            self._connection.execute(_OVER, [tid])

    def let_plan_end(self, *, plan: str, column: str, in_s: float) -> datetime:
        """Let a number of a plan be over so soon, ``expires_at`` or ``psn_expires_at``; return
        when. No program may change it otherwise."""
        name = Identifier(column)
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")
            moved = self._connection.execute(
                SQL(_PLAN_OVER).format(name, name), [f"{in_s} seconds", plan]
            )
            row = moved.fetchone()
        assert row is not None
        moment: datetime = row[column]
        return moment

    def owed_by(self, *, sponsor: str) -> int:
        """Return what the ledger says that a sponsor owes, minor units."""
        row = self._connection.execute(_OWED, [sponsor]).fetchone()
        assert row is not None
        return int(row["minor"])

    def brand(self, *, name: str) -> str:
        """Return the reference of a brand."""
        row = self._connection.execute(_BRAND, [name]).fetchone()
        assert row is not None
        return str(row["reference"])

    def alerts(self, *, subject: str) -> list[dict[str, Any]]:
        """Return the alerts about something, the oldest first."""
        return self._connection.execute(_ALERTS, [subject]).fetchall()

    def account(self, *, card: str) -> str:
        """Return the reference of the account behind a card."""
        row = self._connection.execute(_ACCOUNT, [b64.decode(card)]).fetchone()
        assert row is not None
        return str(row["reference"])

    def tables(self, prefix: str) -> str:
        """Return all rows of all tables with a prefix, as text."""
        names = self._connection.execute(_TABLES, [f"{prefix}%"]).fetchall()
        assert names
        return "\n".join(self._rows(SQL("{}").format(Identifier(row["name"]))) for row in names)

    def told(self, *, scope: str) -> str:
        """Return all events told to a merchant, as text."""
        rows = self._connection.execute(_TOLD, [scope]).fetchall()
        return "\n".join(row["text"] for row in rows)

    def _rows(self, table: Composable) -> str:
        rows = self._connection.execute(SQL("SELECT t::text AS text FROM {} t").format(table))
        return "\n".join(row["text"] for row in rows.fetchall())
