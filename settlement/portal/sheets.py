"""What the lists of settlement hold as CSV, column by column; states are the codes of the API."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _

from config.exports import Cell, amount
from config.people.access import Tenants
from config.portal.sheets import Sheet, each
from merchants.models import Merchant
from settlement.models import Batch, BatchRecord, Dispute, ExceptionItem, Payment, Payout
from settlement.selectors.readers import Reader
from settlement.selectors.takings import Day
from settlement.selectors.visible import sees_whole
from wallets.wire import OfflineRecord


def _payment(row: Payment) -> list[Cell]:
    return [
        *(row.reference, row.request.tid if hasattr(row, "request") else "", row.order),
        *(row.channel, row.state, row.decline_reason, row.business_date),
        *(row.created_at, row.approved_at, row.reversed_at),
        *(row.merchant.name, row.store.name, row.device.name),
        *(row.card.last4 if row.card else "", row.approval_code, row.bearer, row.currency),
        *(amount(each, row.currency) for each in (row.amount_minor, row.refunded_minor)),
        amount(row.fee_minor, row.currency),
    ]


PAYMENTS: Final = Sheet[Payment](
    heads=[
        *(_("Payment"), _("T-ID"), _("Order"), _("Paid with"), _("State"), _("Declined")),
        *(_("Business day"), _("Created"), _("Approved"), _("Reversed"), _("Shop"), _("Store")),
        *(_("Device"), _("Card"), _("Code"), _("Borne by"), _("Currency"), _("Amount")),
        *(_("Given back"), _("Fee")),
    ],
    lines=each(_payment),
)


def batches_seen_by(tenants: Tenants) -> Sheet[Batch]:
    """Return the sheet of uploads; an issuer is told the totals of none but its own."""
    return Sheet(
        heads=[
            *(_("Batch"), _("State"), _("Refused"), _("Merchant"), _("Reader"), _("Number")),
            *(_("Records"), _("Rejected"), _("Made"), _("Received"), _("Posted"), _("Totals")),
        ],
        lines=each(lambda row: _batch(row, whole=sees_whole(row, tenants=tenants))),
    )


def _batch(row: Batch, *, whole: bool) -> list[Cell]:
    totals = ", ".join(f"{amount(minor, code):f} {code}" for code, minor in row.totals.items())
    return [
        *(row.reference, row.state, row.refusal, row.merchant.name, row.device.name),
        row.sequence,
        row.record_count if whole else row.own,  # type: ignore[attr-defined]  # annotated
        row.rejected,  # type: ignore[attr-defined]  # annotated
        *(row.created_at, row.received_at, row.posted_at, totals if whole else ""),
    ]


def _record(row: BatchRecord) -> list[Cell]:
    minor = row.amount_minor
    return [
        *(row.index, row.state, row.reason, row.kind, row.tapped_at, row.approval_code),
        *(row.card.last4 if row.card else "", row.atc, row.currency),
        None if minor is None or not row.currency else amount(minor, row.currency),
    ]


RECORDS: Final = Sheet[BatchRecord](
    heads=[
        *(_("Record"), _("State"), _("Reason"), _("Kind"), _("Tapped"), _("Code")),
        *(_("Card"), _("Counter"), _("Currency"), _("Amount")),
    ],
    lines=each(_record),
)

EXCEPTIONS: Final = Sheet[ExceptionItem](
    heads=[
        *(_("Kind"), _("Payment"), _("Merchant"), _("Opened"), _("Resolved"), _("Explanation")),
        _("Details"),
    ],
    lines=each(
        lambda row: [
            *(row.kind, row.payment.reference if row.payment else ""),
            row.payment.merchant.name if row.payment else "",
            *(row.opened_at, row.resolved_at, row.resolution),
            ", ".join(f"{key}: {value}" for key, value in sorted(row.detail.items())),
        ]
    ),
)


def _dispute(row: Dispute) -> list[Cell]:
    record = row.record
    minor, currency = (record.amount_minor, record.currency) if record else _of_tap(row)
    return [
        *(row.reference, row.kind, row.card.last4, row.merchant.name),
        *(row.payment.reference if row.payment else "", row.bearer, row.bearer_cause),
        *(row.opened_at, row.closed_at, row.outcome, currency),
        None if minor is None else amount(minor, currency),
    ]


def _of_tap(row: Dispute) -> tuple[int, str]:
    told = OfflineRecord.peek(bytes(row.tap or b""))
    return told.amount, told.currency


DISPUTES: Final = Sheet[Dispute](
    heads=[
        *(_("Dispute"), _("Kind"), _("Card"), _("Merchant"), _("Payment"), _("Borne by")),
        *(_("Cause"), _("Opened"), _("Closed"), _("Outcome"), _("Currency"), _("Amount")),
    ],
    lines=each(_dispute),
)


def _payout(row: Payout) -> list[Cell]:
    sums = (row.sales_minor, row.reversals_minor, row.losses_minor, row.fees_minor, row.net_minor)
    return [
        *(row.reference, row.merchant.reference, row.merchant.name, row.business_date, row.state),
        *(row.created_at, row.closed_at, row.sales, row.reversals, row.currency),
        *(amount(minor, row.currency) for minor in sums),
    ]


PAYOUTS: Final = Sheet[Payout](
    heads=[
        *(_("Payout"), _("Merchant"), _("Name"), _("Business day"), _("State"), _("Drawn up")),
        *(_("Complete"), _("Sales"), _("Reversals"), _("Currency"), _("Taken"), _("Taken back")),
        *(_("Borne by the shop"), _("Fees"), _("Owed")),
    ],
    lines=each(_payout),
)

SHOPS: Final = Sheet[Merchant](
    heads=[_("Merchant"), _("Name"), _("Currency"), _("Time zone"), _("State")],
    lines=each(lambda row: [row.reference, row.name, row.currency, row.time_zone, row.state]),
)

_DAY_HEADS: Final = [
    *(_("Business day"), _("Paid with"), _("Currency"), _("Sales"), _("Taken")),
    *(_("Reversals"), _("Reversed"), _("Refunds"), _("Refunded"), _("Net")),
]


def lines_of_days(rows: Iterable[Day]) -> Iterable[Sequence[Cell]]:
    """Return business days as lines, the heads first."""
    yield [str(head) for head in _DAY_HEADS]
    for row in rows:
        sums, code = row.sums, row.currency
        yield [
            *(row.business_date, row.channel, code, sums.sales, amount(sums.sales_minor, code)),
            *(sums.reversals, amount(sums.reversals_minor, code)),
            *(sums.refunds, amount(sums.refunds_minor, code), amount(sums.net_minor, code)),
        ]


_READER_HEADS: Final = [
    *(_("Reader"), _("Name"), _("State"), _("Store"), _("Last seen"), _("Last batch")),
    *(_("Posted today"), _("Still in the reader"), _("Being posted"), _("Rejected")),
    *(_("Missing from"), _("Missing to")),
]


def lines_of_readers(rows: Iterable[Reader]) -> Iterable[Sequence[Cell]]:
    """Return a shop's readers as lines, the heads first."""
    yield [str(head) for head in _READER_HEADS]
    for row in rows:
        device, last = row.item.device, row.last
        yield [
            *(device.reference, device.name, device.state, row.item.store.name, device.seen_at),
            last.sequence if last else None,
            *(row.posted_today, row.item.unsent_count, row.waiting, row.rejected),
            *(row.missing or (None, None)),
        ]
