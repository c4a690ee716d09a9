"""Walk the whole audit chain and name the first row that does not hold."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from config import audit
from config.management.json_command import JsonCommand
from config.models import Audit
from config.refusals import Refused


class ChainBroken(Refused):
    code = "audit_chain_broken"
    status = 409
    title = "The audit chain is broken"


class Command(JsonCommand):
    help = "Verify the audit trail; keep the printed hash elsewhere and give it back as --head."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            help="the hash an earlier run printed: finds rows cut off since",
        )

    def answer(self, **options: Any) -> dict[str, Any]:
        count, broken = audit.verify(head=_bytes(options["head"]))
        if broken is not None:
            raise ChainBroken(f"Row {broken.audit_id}: {broken.why}.")
        newest = Audit.objects.order_by("-id").values_list("hash", flat=True).first()
        return {"rows": count, "head": bytes(newest or audit.GENESIS).hex()}


def _bytes(head: str | None) -> bytes | None:
    try:
        return bytes.fromhex(head) if head else None
    except ValueError as fault:
        raise CommandError("--head is not hexadecimal.") from fault
