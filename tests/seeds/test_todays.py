"""Rotating seeds: twenty-five of today's, three hundred events each, and nothing broken.

``PAYDESK_SEEDS`` names others: ``FIRST`` or ``FIRST:COUNT``; a failure says how to play its seed.
"""

import os
from datetime import UTC, datetime

from settlement.simulation.plan import FaultKind
from settlement.simulation.sales import TillFault
from settlement.simulation.withdrawals import AtmFault
from tests.planted.simulating import simulate

SEEDS = 25
EVENTS = 300


def seeds():
    """Return the first seed and how many there are: today's own, unless the environment says."""
    first, _colon, count = os.environ.get("PAYDESK_SEEDS", "").partition(":")
    today = datetime.now(UTC).date().toordinal()
    return int(first or today * SEEDS), int(count or SEEDS)


def test_todays_seeds_break_nothing(record_property):
    first, count = seeds()
    record_property("seeds", f"{first}:{count}")

    words = ("--seed", str(first), "--seeds", str(count), "--events", str(EVENTS))
    status, told, said = simulate(*words)

    assert (status, told["failed"]) == (0, []), f"PAYDESK_SEEDS={first}:{count}\n{said}"
    assert told["seeds"] == count
    faults = {kind for run in told["runs"] for kind in run["faults_by"]}
    assert faults == {*FaultKind, *TillFault, *AtmFault} or count < SEEDS
    assert all(run["online"] for run in told["runs"])
    assert all(run["sales_by"]["APPROVED"] for run in told["runs"])
