"""Invite somebody from the command line: how the first person of the platform comes in."""

from typing import Any

from django.core.management.base import CommandParser

from config.management.json_command import JsonCommand
from config.people import invitations
from config.roles import Role


class Command(JsonCommand):
    help = "Mail somebody a one-time way in, good for 7 days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument(
            "--tenant",
            default="",
            help="the issuer's or merchant's reference; none for the platform",
        )

    def answer(self, **options: Any) -> dict[str, Any]:
        invitation = invitations.invite(
            by=None,
            actor=self.actor,
            email=options["email"],
            name=options["name"],
            role=Role(options["role"]),
            tenant=options["tenant"],
            at=self.now,
        )
        return {
            "email": invitation.email,
            "role": invitation.role,
            "tenant": invitation.tenant,
            "expires_at": invitation.expires_at.isoformat(),
        }
