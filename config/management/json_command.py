"""Commands for people and scripts: one JSON object, stable refusals, the same audit as a page."""

import getpass
import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from config.audit import Actor
from config.refusals import Refused


class JsonCommand(BaseCommand):
    """A command whose ``answer`` is an object: JSON with ``--json``, else line by line."""

    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        return parser

    @property
    def actor(self) -> Actor:
        """Return who runs the command: the operating system's user."""
        return Actor(kind="COMMAND", name=getpass.getuser())

    @property
    def now(self) -> datetime:
        return timezone.now()

    def answer(self, **options: Any) -> dict[str, Any]:
        """Do it and return the object to print.

        :raises Refused: a rule says no; printed as ``{"error": {"code", "detail"}}``, exit status 1
        """
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self.answer(**options)
        except Refused as refusal:
            self._print({"error": {"code": refusal.code, "detail": refusal.detail}}, options)
            raise SystemExit(1) from refusal
        self._print(answer, options)

    def _print(self, told: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(told, ensure_ascii=False, default=str))
            return
        for key, value in told.items():
            self.stdout.write(f"{key}: {value}")
