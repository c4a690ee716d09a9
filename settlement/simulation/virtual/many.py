"""Many seeds, one after the other: each played, checked by the checker's own process, and told."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
from django.conf import settings
from django.utils import timezone

from config import events
from config.audit import Actor
from merchants.models import Merchant
from merchants.services import api_keys
from settlement.services import demo
from settlement.simulation import casting
from settlement.simulation.consumer import Consumer
from settlement.simulation.journal import Journal
from settlement.simulation.outcomes import Tally
from settlement.simulation.plan import FaultKind
from settlement.simulation.run import lines_of
from settlement.simulation.sabotage import Unsound
from settlement.simulation.sales import TillFault
from settlement.simulation.virtual import script, workers
from settlement.simulation.virtual.agenda import Agenda
from settlement.simulation.virtual.cash_corner import CashCorner
from settlement.simulation.virtual.clock import Clock
from settlement.simulation.virtual.play import Play
from settlement.simulation.virtual.script import READERS, Script
from settlement.simulation.virtual.stage import Stage
from settlement.simulation.virtual.street import Street
from settlement.simulation.virtual.troupe import LocalTroupe, world
from settlement.simulation.withdrawals import AtmFault

_CLONES_MAX: Final = 100  # phones that faults may add to those of the script


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What one seed came to."""

    script: Script
    tally: Tally
    violations: list[str]
    seconds: float
    folder: Path
    database: str

    def answer(self) -> dict[str, Any]:
        """Return it as ``simulate --seeds`` prints it."""
        told = {"seed": self.script.seed, "digest": self.script.digest()} | self.tally.answer()
        told |= {"seconds": round(self.seconds, 2), "violations": self.violations}
        return told | {"logs": str(self.folder), "database": self.database}


def play(
    *,
    seeds: Iterable[int],
    events_each: int,
    kinds: Collection[FaultKind | TillFault | AtmFault],
    actor: Actor,
    told: Callable[[Played], None],
    keep: Path | None = None,
    unsound: Unsound | None = None,
) -> list[Played]:
    """
    Play each seed in a database of its own and call ``told`` as each ends.

    ``keep``: journals are kept in that folder, one folder a seed, with its database. ``unsound``:
    what the devices do wrong, as a negative control.

    :raises NoScratchDatabase: the database role may not create databases
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="paydesk-virtual-") as place:
        start = timezone.now()
        clock = Clock(start=start.timestamp())
        stage = Stage(folder=Path(place))
        with clock.governing(), stage.built(at=start):
            for seed in seeds:
                folder = (keep or Path(place)) / f"seed-{seed}"
                folder.mkdir(parents=True)
                with stage.of_seed(keep=keep is not None) as database:
                    drawn = script.make(seed=seed, events=events_each, kinds=kinds)
                    found.append(_play(drawn, folder, database, actor, unsound))
                told(found[-1])
    return found


def _play(
    drawn: Script, folder: Path, database: str, actor: Actor, unsound: Unsound | None
) -> Played:
    began = time.monotonic()
    clock = Clock(start=timezone.now().timestamp())
    with clock.governing():
        tally = _perform(drawn, folder, clock, actor, unsound)
    return Played(
        script=drawn,
        tally=tally,
        violations=_checked(folder, database),
        seconds=time.monotonic() - began,
        folder=folder,
        database=database,
    )


def _perform(
    drawn: Script, folder: Path, clock: Clock, actor: Actor, unsound: Unsound | None
) -> Tally:
    def sleep(seconds: float) -> None:
        clock.go_on(seconds)
        workers.take_turns(at=clock.at())

    around = world(clock=clock.now, sleep=sleep, unsound=unsound)
    with LocalTroupe(folder=folder, readers=READERS, world=around) as troupe:
        cast = casting.hire(
            seed=drawn.seed, cards=drawn.cards, troupe=troupe, actor=actor, at=clock.at()
        )
        agenda, conductor = Agenda(clock=clock), Journal(folder / "conductor.jsonl")
        street = Street(
            plan=drawn.sales,
            seed=drawn.seed,
            world=around,
            clock=clock,
            agenda=agenda,
            journal=conductor,
        )
        street.set_up(
            stage=demo.seed(at=clock.at()),
            troupe=troupe,
            first_phone=len(drawn.cards) + _CLONES_MAX,
            actor=actor,
            tills=Journal(folder / "tills.jsonl"),
        )
        corner = CashCorner(
            plan=drawn.cash,
            seed=drawn.seed,
            world=around,
            clock=clock,
            agenda=agenda,
            journal=conductor,
            machines=Journal(folder / "machines.jsonl"),
        )
        corner.set_up(
            stage=demo.seed(at=clock.at()),
            troupe=troupe,
            first_phone=len(drawn.cards) + _CLONES_MAX + drawn.sales.shoppers,
            actor=actor,
        )
        with httpx.Client(transport=around.transport(), trust_env=False) as http:
            taps = Play(
                script=drawn,
                cast=cast,
                troupe=troupe,
                clock=clock,
                agenda=agenda,
                street=street,
                corner=corner,
                journal=conductor,
                consumer=_consumer(
                    cast.merchant, http=http, folder=folder, actor=actor, at=clock.at()
                ),
                actor=actor,
            ).play()
    cards = [card for mine in cast.cards for card in mine]
    return Tally.of(folder=folder, taps=taps, readers=cast.readers, tills=street.tills, cards=cards)


def _consumer(
    merchant: str, *, http: httpx.Client, folder: Path, actor: Actor, at: datetime
) -> Consumer:
    key = api_keys.make(
        merchant=Merchant.objects.get(reference=merchant), name="simulation", actor=actor, at=at
    )
    return Consumer(
        http=http,
        origin=settings.ORIGIN,
        key=key,
        scope=merchant,
        after=events.head(scope=merchant),
        journal=Journal(folder / "consumer.jsonl"),
    )


def _checked(folder: Path, database: str) -> list[str]:
    """Return what the checker, a process of its own, finds in the seed's journals and database."""
    ended = subprocess.run(  # noqa: S603  (this interpreter, a module of ours)
        [sys.executable, "-P", "-m", "settlement.simulation.checker", str(folder), database],
        cwd=settings.BASE_DIR,
        env={"PYTHONPATH": str(settings.BASE_DIR)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return lines_of(ended.stdout)
