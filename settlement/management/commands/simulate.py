"""``simulate``: phones, readers and faults against the running portal (protocol §9)."""

import secrets
from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from config.refusals import Refused
from settlement.simulation import live, plan, run
from settlement.simulation.plan import FaultKind

_PARTIES_MAX = 200
_SECONDS_MAX = 3600


class OptionInvalid(Refused):
    code = "option_invalid"
    title = "An option has a value that cannot be"


class Command(JsonCommand):
    help = "Let simulated phones and readers pay offline, then check what must hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, help="the same seed: the same wishes and faults")
        parser.add_argument("--phones", type=int, default=8)
        parser.add_argument("--readers", type=int, default=3)
        parser.add_argument("--tills", type=int, default=0)
        parser.add_argument("--seconds", type=int, default=20, help="rounds of a second")
        parser.add_argument(
            "--faults",
            default="all",
            help=f"all, none, or some of {', '.join(FaultKind)}, with commas",
        )
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
                seed=options["seed"],
            )
        seed = secrets.randbelow(2**31) if options["seed"] is None else options["seed"]
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

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if self.failed:
            raise SystemExit(1)

    def _check(self, options: dict[str, Any]) -> None:
        least = {"phones": 1, "readers": 1, "tills": 0, "seconds": 1}
        for name, lowest in least.items():
            most = _SECONDS_MAX if name == "seconds" else _PARTIES_MAX
            if not lowest <= options[name] <= most:
                raise OptionInvalid(f"--{name} is {lowest} to {most}.")


def _kinds(named: str) -> frozenset[FaultKind]:
    """Return the faults a person named.

    :raises OptionInvalid: one is unknown
    """
    if named in {"all", "none", ""}:
        return frozenset(FaultKind) if named == "all" else frozenset()
    try:
        return frozenset(FaultKind(name.strip()) for name in named.split(","))
    except ValueError as unknown:
        raise OptionInvalid(f"{unknown}; faults are {', '.join(FaultKind)}.") from unknown
