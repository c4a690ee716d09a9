"""What the floor's lists hold as CSV, column by column."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from config.exports import Cell
from config.models import Audit, Job, Membership, SentMail
from config.people import tenants, trail
from config.portal.sheets import Sheet, each


def _trail(rows: Sequence[Audit]) -> Iterable[list[Cell]]:
    names = trail.names_of(rows=rows)
    for row in rows:
        yield [
            *(row.pk, row.at, row.actor_kind, names.get(row.actor, row.actor), row.tenant),
            *(row.action, row.subject_kind, row.subject, row.reason),
            *(_json(row.before), _json(row.after), row.address, row.request_id),
            bytes(row.hash).hex(),
        ]


def _json(told: Any) -> str:
    return "" if told is None else json.dumps(told, ensure_ascii=False, sort_keys=True)


TRAIL: Final = Sheet[Audit](
    heads=[
        *(_("Row"), _("Time"), _("Kind of actor"), _("Actor"), _("Tenant"), _("Act")),
        *(_("Kind of object"), _("Object"), _("Reason"), _("Before"), _("After")),
        *(_("Address"), _("Request"), _("Hash")),
    ],
    lines=_trail,
)


def _staff(rows: Sequence[Membership]) -> Iterable[list[Cell]]:
    names = tenants.names(references={row.tenant for row in rows if row.tenant})
    for row in rows:
        yield [
            *(row.user.name, row.user.email, row.role, row.tenant, names.get(row.tenant, "")),
            *(row.created_at, row.user.last_login),
        ]


STAFF: Final = Sheet[Membership](
    heads=[
        *(_("Person"), _("E-mail"), _("Role"), _("Tenant"), _("Name"), _("Since")),
        _("Last sign-in"),
    ],
    lines=_staff,
)

# Without the text: its links open accounts.
MAILS: Final = Sheet[SentMail](
    heads=[_("To"), _("Subject"), _("Sent")],
    lines=each(lambda row: [row.to, row.subject, row.sent_at]),
)

FILES: Final = Sheet[Job](
    heads=[_("Job"), _("File"), _("State"), _("Rows"), _("Asked for"), _("Ended")],
    lines=each(
        lambda row: [
            *(row.reference, row.arguments["name"], row.state, row.finished),
            *(row.created_at, row.ended_at),
        ]
    ),
)
