"""Faults built in on purpose, to see that a fault run finds them: ``PAYDESK_CHAOS_SABOTAGE``.

They exist only under the settings ``tests.chaos.sabotaged``. Both put a commit between what belongs
into one transaction, and wait there as if for a slow network: a kill in that instant does the rest.
"""

import os
import time

from django.apps import AppConfig
from django.db import connection, transaction
from django.db.models.signals import post_migrate

WINDOW_S = 1.0


class Sabotage(AppConfig):
    name = "tests.chaos"
    label = "chaos"

    def ready(self):
        from settlement.services import history, posting

        sabotage = {"double": _books_first, "lost": _state_first}[
            os.environ["PAYDESK_CHAOS_SABOTAGE"]
        ]
        post = posting._post
        posting._post = lambda batches, at: sabotage(post, batches, at)
        if sabotage is _books_first:
            history._SEEN = history._SEEN._replace(take=lambda _history, _rows: None)
        post_migrate.connect(_undo_guards)


def _books_first(post, batches, at):
    """Double posting: state is set after the commit, and no ATC is known as seen."""
    with transaction.atomic():
        count = post(batches, at)
        _set(batches, "RECEIVED", None, was="POSTED")
    time.sleep(WINDOW_S)
    _set(batches, "POSTED", at, was="RECEIVED")
    return count


def _state_first(post, batches, at):
    """A lost batch: it counts as done before anything is written."""
    mine = _set(batches, "POSTED", at, was="RECEIVED")
    time.sleep(WINDOW_S)
    with transaction.atomic():
        _set([batch for batch in batches if batch.batch_id in mine], "RECEIVED", None, was="POSTED")
        return post([batch for batch in batches if batch.batch_id in mine], at)


def _set(batches, state, posted_at, *, was):
    """Set the state behind the back of the trigger that guards it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE settlement_batch SET state = %s, posted_at = %s"
            " WHERE id = ANY(%s) AND state = %s RETURNING id",
            [state, posted_at, [batch.batch_id for batch in batches], was],
        )
        done = {pk for (pk,) in cursor.fetchall()}
        cursor.execute("SET LOCAL session_replication_role = origin")
    return done


def _undo_guards(**_told):
    """Take away what the database itself would refuse."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS payment_offline_once_per_atc")
        for table, name in (
            ("settlement_atcseen", "atcseen_once"),
            ("settlement_batchrecord", "batchrecord_once"),
        ):
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
