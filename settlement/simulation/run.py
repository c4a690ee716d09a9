"""One finite simulation from its seed to its verdict."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from django.conf import settings
from django.utils import timezone

from config import events
from config.audit import Actor
from config.models import Event
from merchants.models import ApiKey, Merchant
from merchants.services import api_keys
from settlement.services import demo
from settlement.simulation import casting, market
from settlement.simulation.casting import Cast
from settlement.simulation.consumer import Consumer
from settlement.simulation.journal import Journal
from settlement.simulation.market import Market, Stalls
from settlement.simulation.outcomes import Tally
from settlement.simulation.performance import Performance
from settlement.simulation.plan import Plan
from settlement.simulation.troupe import Troupe

_KEY: Final = "simulation"
_NUMBERED_WITHIN_S: Final = 60.0
_LOOK_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run came to, and what the checker found."""

    plan: Plan
    tally: Tally
    violations: list[str]
    folder: Path

    def answer(self) -> dict[str, Any]:
        """Return it as ``simulate`` prints it."""
        told = {"seed": self.plan.seed, "digest": self.plan.digest()} | self.tally.answer()
        return told | {"violations": self.violations, "logs": str(self.folder)}


def run(*, plan: Plan, actor: Actor) -> Verdict:
    """Carry ``plan`` out against the running portal, then let the checker compare logs and books.

    :raises NotADemo: this installation holds real money
    :raises PortalAway: no portal answers at ``settings.ORIGIN``, or not any more
    :raises PortalRefusedUs: it refused what no fault explains
    """
    casting.look_for_portal()
    folder = _folder(plan)
    with Troupe(folder=folder, readers=plan.readers, tills=plan.market.tills) as troupe:
        cast = casting.hire(
            seed=plan.seed, cards=plan.cards, troupe=troupe, actor=actor, at=timezone.now()
        )
        stalls = market.set_up(
            plan=plan.market,
            seed=plan.seed,
            first_phone=len(plan.cards),
            troupe=troupe,
            folder=folder,
            stage=demo.seed(at=timezone.now()),
            actor=actor,
        )
        try:
            tally = _play(plan, (cast, stalls), troupe, actor, folder)
        finally:
            gone = [*cast.devices, *stalls.devices]
            casting.dismiss(references=gone, actor=actor, at=timezone.now())
    return Verdict(plan=plan, tally=tally, violations=checked(folder), folder=folder)


def _play(
    plan: Plan, parties: tuple[Cast, Stalls], troupe: Troupe, actor: Actor, folder: Path
) -> Tally:
    cast, stalls = parties
    journal = Journal(folder / "conductor.jsonl")
    journal.note("plan", result=plan.digest(), seed=plan.seed)
    key = api_keys.make(
        merchant=Merchant.objects.get(reference=cast.merchant),
        name=_KEY,
        actor=actor,
        at=timezone.now(),
    )
    try:
        with (
            httpx.Client(trust_env=False) as http,
            Market(plan=plan.market, stalls=stalls, troupe=troupe, journal=journal) as selling,
        ):
            consumer = Consumer(
                http=http,
                origin=settings.ORIGIN,
                key=key,
                scope=cast.merchant,
                after=events.head(scope=cast.merchant),
                journal=Journal(folder / "consumer.jsonl"),
            )
            outcome = Performance(
                plan=plan,
                cast=cast,
                troupe=troupe,
                journal=journal,
                actor=actor,
                consumer=consumer,
                market=selling,
            ).play()
            _settle(consumer, cast)
    finally:
        for made in ApiKey.objects.filter(prefix=key[:10], revoked_at=None):
            api_keys.revoke(key=made, actor=actor, at=timezone.now())
    cards = [card for mine in cast.cards for card in mine]
    return Tally.of(
        folder=folder, taps=outcome.taps, readers=cast.readers, tills=stalls.tills, cards=cards
    )


def _settle(consumer: Consumer, cast: Cast) -> None:
    """Let the shop's server hear all; what is never numbered is for the checker to find."""
    deadline = time.monotonic() + _NUMBERED_WITHIN_S
    consumer.settle(
        all_numbered=lambda: (
            time.monotonic() > deadline
            or not Event.objects.filter(scope=cast.merchant, seq=None).exists()
        ),
        wait=lambda: time.sleep(_LOOK_AGAIN_S),
    )


def checked(folder: Path) -> list[str]:
    """Return what ``check_run``, a program of its own, finds, one line each."""
    ended = subprocess.run(  # noqa: S603  (this interpreter, a command of ours)
        [
            sys.executable,
            str(Path(settings.BASE_DIR) / "manage.py"),
            "check_run",
            "--logs",
            str(folder),
            "--json",
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return lines_of(ended.stdout)


def lines_of(answer: str) -> list[str]:
    """Return the violations in the checker's answer, one line each."""
    try:
        found = json.loads(answer)["violations"]
    except (ValueError, KeyError):
        return [f"the checker gave no answer: {answer[:200]}"]
    return [f"{each['invariant']}: {each['where']}: {each['what']}" for each in found]


def _folder(plan: Plan) -> Path:
    name = f"{timezone.now():%Y%m%dT%H%M%S%f}-seed-{plan.seed}"
    folder = Path(settings.DATA_DIR) / "simulation" / name
    folder.mkdir(mode=0o700, parents=True)
    return folder
