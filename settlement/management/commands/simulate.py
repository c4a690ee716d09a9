"""``simulate``: phones, readers and faults against the running portal (protocol §9)."""

import logging
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from config.refusals import Refused
from settlement.simulation import live, plan, run
from settlement.simulation.plan import FaultKind
from settlement.simulation.sabotage import Unsound
from settlement.simulation.sales import TillFault
from settlement.simulation.virtual import jobs as jobs_
from settlement.simulation.virtual import many
from settlement.simulation.virtual.many import Played
from settlement.simulation.withdrawals import AtmFault

_PARTIES_MAX = 200
_FAULTS: dict[str, FaultKind | TillFault | AtmFault] = {
    **{kind.value: kind for kind in FaultKind},
    **{kind.value: kind for kind in TillFault},
    **{kind.value: kind for kind in AtmFault},
}
_MOST = {"seconds": 3600, "seeds": 100_000, "events": 100_000}


class OptionInvalid(Refused):
    code = "option_invalid"
    title = "An option has a value that cannot be"


class Command(JsonCommand):
    help = "Let simulated phones pay at readers and tills, then check what must hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, help="the same seed: the same wishes and faults")
        parser.add_argument("--phones", type=int, default=8)
        parser.add_argument("--readers", type=int, default=3)
        parser.add_argument("--tills", type=int, default=0)
        parser.add_argument("--seconds", type=int, default=20, help="rounds of a second")
        parser.add_argument(
            "--faults",
            default="all",
            help=f"all, none, or some of {', '.join(_FAULTS)}, with commas",
        )
        parser.add_argument(
            "--seeds",
            type=int,
            default=0,
            help="play that many seeds, from --seed on, in virtual time and scratch databases",
        )
        parser.add_argument("--events", type=int, default=300, help="of each of these seeds")
        parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="side by side")
        parser.add_argument(
            "--unsound", type=Unsound, choices=list(Unsound), help="a device that breaks a rule"
        )
        parser.add_argument("--keep", type=Path, help="keep their journals there, and databases")
        parser.add_argument(
            "--forever", action="store_true", help="gentle live traffic until SIGTERM"
        )

    def answer(self, **options: Any) -> dict[str, Any]:
        self.failed = False
        self._check(options)
        if options["forever"]:
            return live.perform(
                phones=options["phones"],
                readers=options["readers"],
                tills=options["tills"],
                seed=options["seed"],
            )
        seed = secrets.randbelow(2**31) if options["seed"] is None else options["seed"]
        if options["seeds"]:
            return self._play_many(seed, options)
        verdict = run.run(
            plan=plan.make(
                seed=seed,
                phones=options["phones"],
                readers=options["readers"],
                tills=options["tills"],
                rounds=options["seconds"],
                kinds=_kinds(options["faults"]),
            ),
            actor=self.actor,
        )
        self.failed = bool(verdict.violations)
        return verdict.answer()

    def _play_many(self, first: int, options: dict[str, Any]) -> dict[str, Any]:
        """Play the seeds from ``first`` on, a line each as it ends."""
        jobs = min(options["jobs"], options["seeds"])
        runs = (
            jobs_.play(first=first, jobs=jobs, options=options)
            if jobs > 1
            else self._play_here(first, options)
        )
        failed = [run["seed"] for run in runs if run["violations"]]
        self.failed = bool(failed)
        return {"seeds": len(runs), "events": options["events"], "failed": failed, "runs": runs}

    def _play_here(self, first: int, options: dict[str, Any]) -> list[dict[str, Any]]:
        logging.disable(logging.WARNING)  # a refusal here is a fault at work, not news
        found = many.play(
            seeds=range(first, first + options["seeds"]),
            events_each=options["events"],
            kinds=_kinds(options["faults"]),
            actor=self.actor,
            told=lambda one: self.stderr.write(_line(one, options)),
            keep=options["keep"],
            unsound=options["unsound"],
        )
        return [one.answer() for one in found]

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if self.failed:
            raise SystemExit(1)

    def _check(self, options: dict[str, Any]) -> None:
        least = {
            "phones": 1,
            "readers": 1,
            "tills": 0,
            "seconds": 1,
            "seeds": 0,
            "events": 1,
            "jobs": 1,
        }
        for name, lowest in least.items():
            most = _MOST.get(name, _PARTIES_MAX)
            if not lowest <= options[name] <= most:
                raise OptionInvalid(f"--{name} is {lowest} to {most}.")


def _line(one: Played, options: dict[str, Any]) -> str:
    """Return what a person reads of one seed; of a failed one also how to play it again."""
    tally = one.tally
    told = f"seed {one.script.seed}: {tally.posted} posted, {tally.online} of them online,"
    told += f" {sum(tally.faults.values())} faults, {one.seconds:.1f} s"
    if not one.violations:
        return f"{told}, ok"
    again = f"simulate --seeds 1 --seed {one.script.seed} --events {options['events']}"
    return "\n  ".join([f"{told}, FAILED; again: {again}", *one.violations])


def _kinds(named: str) -> frozenset[FaultKind | TillFault | AtmFault]:
    """Return the faults a person named.

    :raises OptionInvalid: one is unknown
    """
    if named in {"all", "none", ""}:
        return frozenset(_FAULTS.values()) if named == "all" else frozenset()
    try:
        return frozenset(_FAULTS[name.strip()] for name in named.split(","))
    except KeyError as unknown:
        raise OptionInvalid(f"{unknown} is unknown; faults are {', '.join(_FAULTS)}.") from unknown
