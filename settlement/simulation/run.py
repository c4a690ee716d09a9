"""One finite simulation from its seed to its verdict."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from config.audit import Actor
from issuers.models import Card
from issuers.selectors import card_of
from settlement.simulation import casting, checks, evidence
from settlement.simulation.casting import Cast
from settlement.simulation.evidence import Evidence
from settlement.simulation.journal import Journal
from settlement.simulation.performance import Outcome, Performance
from settlement.simulation.plan import Plan
from settlement.simulation.troupe import Troupe


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run came to. ``end`` is a digest over every outcome: one seed, one end."""

    plan: Plan
    payments: int
    posted: int
    declined: dict[str, int]
    rejected: dict[str, int]
    bearers: dict[str, int]
    faults: dict[str, int]
    violations: list[str]
    end: str
    folder: Path

    def answer(self) -> dict[str, Any]:
        """Return it as ``simulate`` prints it (protocol §9, and what else a reader asks)."""
        return {
            "seed": self.plan.seed,
            "digest": self.plan.digest(),
            "payments": self.payments,
            "posted": self.posted,
            "declined": sum(self.declined.values()),
            "faults": sum(self.faults.values()),
            "violations": self.violations,
            "declined_by": self.declined,
            "rejected_by": self.rejected,
            "borne_by": self.bearers,
            "faults_by": self.faults,
            "end": self.end,
            "logs": str(self.folder),
        }


def run(*, plan: Plan, actor: Actor) -> Verdict:
    """Carry ``plan`` out against the running portal, then compare logs and books.

    :raises NotADemo: this installation holds real money
    :raises PortalAway: no portal answers at ``settings.ORIGIN``, or not any more
    :raises PortalRefusedUs: it refused what no fault explains
    """
    casting.look_for_portal()
    folder = _folder(plan)
    with Troupe(folder=folder, readers=plan.readers) as troupe:
        cast = casting.hire(plan=plan, troupe=troupe, actor=actor, at=timezone.now())
        try:
            journal = Journal(folder / "conductor.jsonl")
            journal.note("plan", result=plan.digest(), seed=plan.seed)
            outcome = Performance(
                plan=plan, cast=cast, troupe=troupe, journal=journal, actor=actor
            ).play()
            found = evidence.gather(folder=folder, cast=cast, outcome=outcome)
        finally:
            casting.dismiss(cast=cast, actor=actor, at=timezone.now())
    return _verdict(plan, cast, outcome, found, folder)


def _folder(plan: Plan) -> Path:
    name = f"{timezone.now():%Y%m%dT%H%M%S%f}-seed-{plan.seed}"
    folder = Path(settings.DATA_DIR) / "simulation" / name
    folder.mkdir(mode=0o700, parents=True)
    return folder


def _verdict(plan: Plan, cast: Cast, outcome: Outcome, found: Evidence, folder: Path) -> Verdict:
    declined = Counter(
        told["code"] for told in outcome.taps.values() if told["state"] != "approved"
    )
    rejected = Counter(
        record["reason"]
        for log in found.readers.values()
        for entry in log
        if entry["op"] == "upload"
        for record in entry.get("records", ())
        if record["state"] == "REJECTED"
    )
    bearers = Counter(each.bearer for each in found.payments)
    return Verdict(
        plan=plan,
        payments=len(plan.taps),
        posted=len(found.payments),
        declined=dict(sorted(declined.items())),
        rejected=dict(sorted(rejected.items())),
        bearers=dict(sorted(bearers.items())),
        faults=dict(sorted(Counter(outcome.faults).items())),
        violations=checks.violations(found),
        end=_end(cast, outcome, found),
        folder=folder,
    )


def _end(cast: Cast, outcome: Outcome, found: Evidence) -> str:
    """Return the SHA-256 over what every tap, payment and card came to, names left out."""
    taps = [
        (number, told["state"], "" if told["state"] == "approved" else told["code"])
        for number, told in sorted(outcome.taps.items())
    ]
    payments = sorted(
        (each.amount_minor, each.state, each.bearer, each.paid_minor) for each in found.payments
    )
    held = [_position(card_of(reference=card)) for mine in cast.cards for card in mine]
    text = json.dumps([taps, payments, held], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _position(card: Card) -> tuple[str, int, int, int]:
    account = card.account
    return (card.state, account.balance_minor, account.held_minor, account.offline_reserve_minor)
