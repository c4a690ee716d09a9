"""What a take must know, read under its locks in one round trip: plan, holdings by id, then facts.

Each statement has a snapshot of its own, taken when the locks of those before it are held.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from benefits.models import Definition, Holding, Lot, Plan
from benefits.rules.vocabulary import Benefit, Kind
from benefits.selectors import held as held_selectors
from benefits.selectors.held import Held
from config import pipeline, rows
from config.models import Device
from config.pipeline import Answer, Statement


class Planned(NamedTuple):
    """A plan that is locked with its holdings, as they are now, cut to what was chosen.

    ``payers``: who bears most of each definition, by its key.
    """

    plan: Plan
    held: list[Held]
    payers: dict[int, str]


def locked(*, plan_id: int, at: datetime) -> Planned:
    """Lock a plan, then its holdings by id, in the running transaction; return both."""
    of_plan, chosen, lots, left = pipeline.run(*statements(plan_id=plan_id, at=at))
    assert of_plan.row is not None, "a plan's row stays"
    plan, device = rows.instances(of_plan.row, Plan, Device)
    plan.device = device
    lots_of, left_of = _by_holding(lots), _by_definition(left)
    held, payers = [], {}
    for most, payer, *row in chosen.rows:
        holding, definition = rows.instances(row, Holding, Definition)
        holding.definition = definition
        payers[definition.pk] = payer
        own = lots_of.get(holding.pk, []) if holding.kind == Kind.POINTS else []
        seen = held_selectors.seen(holding=holding, lots=own, left=left_of.get(definition.pk))
        held.append(replace(seen, benefit=_at_most(seen.benefit, most)))
    return Planned(plan, held, payers)


def statements(*, plan_id: int, at: datetime) -> list[Statement]:
    """Return the statements of :func:`locked`; the first two lock, in the order of all."""
    return [
        Statement(_PLAN, [plan_id]),
        Statement(_CHOSEN, [plan_id]),
        Statement(_LOTS, [plan_id, at]),
        Statement(_LEFT, [plan_id]),
    ]


def _at_most(benefit: Benefit, amount_minor: int | None) -> Benefit:
    return benefit if amount_minor is None else benefit.at_most(amount_minor)


def _by_holding(lots: Answer) -> dict[int, list[Lot]]:
    found: dict[int, list[Lot]] = defaultdict(list)
    for row in lots.rows:
        (lot,) = rows.instances(row, Lot)
        found[lot.holding_id].append(lot)
    return found


def _by_definition(left: Answer) -> dict[int, int]:
    return {key: held_selectors.uses_of(minor=minor, uses=uses) for key, minor, uses in left.rows}


_PLAN: Final = f"""
SELECT {rows.columns(Plan, "p")}, {rows.columns(Device, "d")}
  FROM benefits_plan p JOIN config_device d ON d.id = p.device_id
 WHERE p.id = %s FOR NO KEY UPDATE OF p
"""  # noqa: S608  (column names of these models, never input)
_CHOSEN: Final = f"""
SELECT c.amount_minor,
       (SELECT s.name FROM benefits_costshare b JOIN benefits_sponsor s ON s.id = b.sponsor_id
         WHERE b.definition_id = d.id ORDER BY b.bps DESC, b.id LIMIT 1),
       {rows.columns(Holding, "h")}, {rows.columns(Definition, "d")}
  FROM benefits_planselection c
  JOIN benefits_holding h ON h.id = c.holding_id
  JOIN benefits_definition d ON d.id = h.definition_id
 WHERE c.plan_id = %s ORDER BY h.id FOR NO KEY UPDATE OF h
"""  # noqa: S608  (column names of these models, never input)
_LOTS: Final = f"""
SELECT {rows.columns(Lot, "l")}
  FROM benefits_planselection c JOIN benefits_lot l ON l.holding_id = c.holding_id
 WHERE c.plan_id = %s AND l.left_minor > 0 AND (l.expires_at IS NULL OR l.expires_at > %s)
 ORDER BY l.expires_at NULLS LAST, l.id
"""  # noqa: S608  (column names of these models, never input)
_LEFT: Final = """
SELECT definition_id, sum(size_minor - taken_minor)::bigint, sum(size_uses - taken_uses)::bigint
  FROM benefits_budgetslot
 WHERE definition_id IN (SELECT h.definition_id FROM benefits_planselection c
                           JOIN benefits_holding h ON h.id = c.holding_id WHERE c.plan_id = %s)
 GROUP BY definition_id
"""
