"""Committed rows that a test leaves in its worker's database."""

from django.db import connection
from psycopg import sql

TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
FILLED = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
# What processes that serve a whole module write of themselves, to the very end.
OF_PROCESSES = {
    "config_heartbeat",
    "merchants_datagramrecord",
    "merchants_notificationcursor",
    "merchants_notificationprocess",
}


def filled_tables():
    """Return the names of the tables that hold any row, but for those of processes."""
    with connection.cursor() as cursor:
        names = [name for (name,) in cursor.execute(TABLES).fetchall()]
        asked = [FILLED.format(sql.Literal(name), sql.Identifier(name)) for name in names]
        found = cursor.execute(sql.SQL(" UNION ALL ").join(asked)).fetchall()
    return {name for (name,) in found} - OF_PROCESSES


class Watch:
    """Looks at what is there beyond what migrations put there."""

    def __init__(self):
        self._begun_with = filled_tables()
        self._looked = False

    def look(self):
        """Fail where something was left."""
        left = filled_tables() - self._begun_with
        assert not left, f"committed rows were left behind in {', '.join(sorted(left))}"

    def look_once(self):
        """Look before the first test that commits, for its end empties every table."""
        if not self._looked:
            self._looked = True
            self.look()
