"""What the lists of pre-approvals, machines and stock hold as CSV; no number stands in any."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _

from config.exports import Cell, amount
from config.portal.sheets import Sheet, each
from issuers.models import Programme
from issuers.services import preapproval_policies
from merchants.models import Equipment
from merchants.selectors.atms import notes_in
from settlement.models import Preapproval, Redemption, StockItem, SuspenseProposal


def _preapproval(row: Preapproval) -> list[Cell]:
    paid_minor = row.dispensed_minor
    return [
        *(row.reference, row.kind, row.state, row.card.last4, row.card.programme.name),
        *(row.bound_kind, row.bound_merchant.name if row.bound_merchant else ""),
        row.bound_terminal.name if row.bound_terminal else "",
        *(row.made_at, row.valid_until, row.ended_at),
        *(row.decline_reason, row.ending, row.ending_words, row.currency),
        amount(row.amount_minor, row.currency),
        None if paid_minor is None else amount(paid_minor, row.currency),
    ]


PREAPPROVALS: Final = Sheet[Preapproval](
    heads=[
        *(_("Pre-approval"), _("Kind"), _("State"), _("Card"), _("Programme")),
        *(_("Kind of machine"), _("Shop"), _("Machine"), _("Approved"), _("Valid until")),
        *(_("Ended"), _("Declined"), _("Ending"), _("Reason"), _("Currency")),
        *(_("Amount"), _("Paid out")),
    ],
    lines=each(_preapproval),
)


def _redemption(row: Redemption) -> list[Cell]:
    return [
        *(row.reference, row.kind, row.state, row.outcome, row.begun_at, row.suspended_at),
        *(row.ended_at, row.merchant.name, row.store.name, row.device.name),
        *(row.preapproval.card.last4, row.item_serial, row.journal, row.resolution),
        *(row.payment.reference if row.payment else "", row.currency),
        amount(row.amount_minor, row.currency),
        amount(row.dispensed_minor, row.currency),
    ]


REDEMPTIONS: Final = Sheet[Redemption](
    heads=[
        *(_("Redemption"), _("Kind"), _("State"), _("Outcome"), _("Begun"), _("Parked")),
        *(_("Ended"), _("Shop"), _("Store"), _("Machine"), _("Card"), _("Item")),
        *(_("Journal"), _("Evidence"), _("Payment"), _("Currency")),
        *(_("Asked for"), _("Paid out")),
    ],
    lines=each(_redemption),
)


def _suspense(rows: Sequence[Redemption]) -> Iterable[list[Cell]]:
    said = {
        row.redemption_id: row
        for row in SuspenseProposal.objects.filter(redemption__in=rows).order_by("pk")
    }
    for row in rows:
        newest = said.get(row.pk)
        yield [
            *_redemption(row),
            *(newest.outcome if newest else "", newest.state if newest else ""),
            amount(newest.dispensed_minor, row.currency) if newest else None,
            newest.evidence if newest else "",
        ]


SUSPENSE: Final = Sheet[Redemption](
    heads=[
        *REDEMPTIONS.heads,
        *(_("Proposed"), _("State of the proposal"), _("Proposed amount"), _("Its evidence")),
    ],
    lines=_suspense,
)

STOCK: Final = Sheet[StockItem](
    heads=[
        *(_("Serial"), _("Kind"), _("State"), _("Loaded"), _("Redemption"), _("Currency")),
        _("Denomination"),
    ],
    lines=each(
        lambda row: [
            *(row.serial, row.kind, row.state, row.loaded_at),
            *(row.redemption.reference if row.redemption else "", row.currency),
            amount(row.amount_minor, row.currency),
        ]
    ),
)


def _atms(rows: Sequence[Equipment]) -> Iterable[list[Cell]]:
    inside = notes_in(devices=[row.device_id for row in rows])
    for row in rows:
        held, currency = inside.get(row.device_id), row.merchant.currency
        yield [
            *(row.device.reference, row.device.name, row.device.state, row.store.name),
            row.device.seen_at,
            row.last_at,  # type: ignore[attr-defined]  # annotated
            row.suspense or 0,  # type: ignore[attr-defined]  # annotated
            currency,
            amount(held.worth_minor, currency) if held else None,
            amount(row.given_minor or 0, currency),  # type: ignore[attr-defined]  # annotated
        ]


ATMS: Final = Sheet[Equipment](
    heads=[
        *(_("Device"), _("Name"), _("State"), _("Store"), _("Last seen")),
        *(_("Last redemption"), _("In suspense"), _("Currency"), _("Notes inside")),
        _("Paid out today"),
    ],
    lines=_atms,
)


def _terms(rows: Sequence[Programme]) -> Iterable[list[Cell]]:
    terms = preapproval_policies.terms_of_all(programmes=rows)
    for row in rows:
        held = terms[row.pk]
        yield [
            *(row.reference, row.name, ", ".join(sorted(held.kinds))),
            *(held.valid_default_s, held.valid_max_s, str(held.pickup_code_needed)),
            *(str(held.partial_allowed), str(held.delegated_allowed), held.outstanding_max),
            *(held.daily_count_max, row.currency, amount(held.daily_sum_max_minor, row.currency)),
        ]


TERMS: Final = Sheet[Programme](
    heads=[
        *(_("Programme"), _("Name"), _("Kinds"), _("Usual validity, s"), _("Longest, s")),
        *(_("Pickup code"), _("In part"), _("Somebody else"), _("Open at a time")),
        *(_("In a day"), _("Currency"), _("Sum of a day")),
    ],
    lines=_terms,
)
