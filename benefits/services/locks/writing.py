"""What a take holds, written in one round trip under the locks of plan and holdings."""

from collections.abc import Sequence
from typing import Any, Final

from psycopg.types.json import Jsonb

from benefits.models import Lock, LotTake, Plan, Redemption
from config import pipeline, rows
from config.pipeline import Statement
from config.states import InvalidTransition


def write(
    *,
    redemption: Redemption,
    lines: Sequence[Lock],
    lots: Sequence[LotTake],
    first: Sequence[Statement],
) -> None:
    """
    Move the plan to LOCKED, insert its redemption and lines, and hold what they take.

    ``lots``: what lines of points take of which lots; ``first``: what goes ahead.

    :raises InvalidTransition: the plan was moved meanwhile, which its lock excludes
    """
    held = [line.holding for line in lines if line.amount_minor]
    writes = [*first, _inserted(redemption, lines)]
    if held:
        columns = zip(*((row.pk, row.uses_held, row.held_minor) for row in held), strict=True)
        writes.append(Statement(_HOLD, [list(each) for each in columns]))
    if lots:
        takes = ((take.lock.holding_id, take.lot_id, take.amount_minor) for take in lots)
        columns = zip(*takes, strict=True)
        writes.append(Statement(_SPEND, [*(list(each) for each in columns), redemption.document]))
    made = pipeline.run(*writes)[len(first)].row
    if made is None:
        raise InvalidTransition(f"{redemption.plan} is no longer {redemption.plan.state}.")
    redemption.plan.state = Plan.State.LOCKED
    redemption.pk, ids = made
    rows.written(redemption)
    for line, key in zip(lines, ids or (), strict=True):
        line.pk, line.redemption_id = key, redemption.pk
        rows.written(line)


def _inserted(redemption: Redemption, lines: Sequence[Lock]) -> Statement:
    return Statement(
        _INSERT,
        [
            *(redemption.plan_id, redemption.document, redemption.merchant_id, redemption.store_id),
            *(redemption.currency, redemption.purchase_minor, redemption.remainder_minor),
            *(redemption.taken_at, Jsonb([_told(line) for line in lines])),
        ],
    )


def _told(line: Lock) -> dict[str, Any]:
    return {
        "holding": line.holding_id,
        "slot": line.slot_id,
        "turn": line.turn,
        "minor": line.amount_minor,
        "why": line.why,
    }


_INSERT: Final = """
WITH moved AS (
    UPDATE benefits_plan SET state = 'LOCKED' WHERE id = %s AND state = 'ISSUED' RETURNING id
), held AS (
    INSERT INTO benefits_redemption
           (document, plan_id, merchant_id, store_id, currency, purchase_minor, remainder_minor,
            taken_at, refunded_minor, tender, state)
    SELECT %s, id, %s, %s, %s, %s, %s, %s, 0, '', 'HELD' FROM moved RETURNING id
), line AS (
    INSERT INTO benefits_lock
           (redemption_id, holding_id, slot_id, turn, amount_minor, why,
            restored_minor, use_restored, state)
    SELECT held.id, v.holding, v.slot, v.turn, v.minor, v.why, 0, FALSE, 'HELD'
      FROM held, jsonb_to_recordset(%s)
                 AS v (holding bigint, slot bigint, turn smallint, minor bigint, why jsonb)
    RETURNING id, turn
)
SELECT id, (SELECT array_agg(line.id ORDER BY line.turn) FROM line) FROM held
"""
_HOLD: Final = """
UPDATE benefits_holding h SET uses_held = v.uses, held_minor = v.held
  FROM unnest(%s::bigint[], %s::int[], %s::bigint[]) AS v (id, uses, held) WHERE h.id = v.id
"""
_SPEND: Final = """
WITH spent AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS v (holding, lot, minor)
), less AS (
    UPDATE benefits_lot l SET left_minor = l.left_minor - spent.minor
      FROM spent WHERE l.id = spent.lot
)
INSERT INTO benefits_lottake (lock_id, lot_id, amount_minor, back_minor)
SELECT k.id, spent.lot, spent.minor, 0
  FROM benefits_redemption r
  JOIN benefits_lock k ON k.redemption_id = r.id
  JOIN spent ON spent.holding = k.holding_id
 WHERE r.document = %s
"""
