"""``enrolment_code``: a one-time code for a new device (protocol section 9)."""

from typing import Any

from django.core.management.base import CommandParser

from config import enrolment
from config.management.json_command import JsonCommand
from config.models.devices import DeviceKind
from config.refusals import Refused


class OwnerOfAnotherKind(Refused):
    code = "wrong_owner"
    title = "A phone is a customer's, every other device a merchant's"


class Command(JsonCommand):
    help = "Make a one-time enrolment code, shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", required=True, choices=DeviceKind.values)
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--merchant")
        owner.add_argument("--customer")
        parser.add_argument(
            "--store", default="", help="the merchant's store; its first, if not said"
        )

    def answer(self, **options: Any) -> dict[str, Any]:
        is_phone = options["kind"] == DeviceKind.PHONE
        owner = options["customer"] if is_phone else options["merchant"]
        if owner is None:
            raise OwnerOfAnotherKind
        made = enrolment.make_code(
            kind=options["kind"],
            owner=owner,
            store=options["store"],
            actor=self.actor,
            at=self.now,
        )
        expires_at = made.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"code": made.code, "kind": made.kind, "expires_at": expires_at}
