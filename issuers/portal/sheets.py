"""What an issuer's lists hold as CSV, column by column; states are the codes of the API."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _

from config.devices import fingerprint
from config.exports import Cell, amount
from config.models import Device, Job
from config.portal.sheets import Sheet, each
from issuers.models import (
    Authorisation,
    BlacklistEntry,
    BlacklistVersion,
    Card,
    CertificateRequest,
    Debt,
    Issuer,
    OfflineProfileVersion,
    OtaCommand,
    Programme,
)
from issuers.selectors.authors import authors_of
from settlement.selectors.payments import payments_named
from wallets.selectors.holders import names_of

ISSUERS: Final = Sheet[Issuer](
    heads=[_("Issuer"), _("Name"), _("Time zone")],
    lines=each(lambda row: [row.reference, row.name, row.time_zone]),
)

PROGRAMMES: Final = Sheet[Programme](
    heads=[
        *(_("Programme"), _("Name"), _("Kind"), _("Currency"), _("Certificates"), _("Days")),
        *(_("Reset on posting"), _("Listed on debt"), _("Made")),
    ],
    lines=each(
        lambda row: [
            *(row.reference, row.name, row.kind, row.currency, row.certificate_rule),
            *(row.certificate_days, row.reset_on_posting, row.list_on_debt, row.created_at),
        ]
    ),
)


def limits_in(currency: str) -> Sheet[OfflineProfileVersion]:
    """Return the sheet of a programme's offline limits, amounts in its ``currency``."""
    return Sheet(
        heads=[
            *(_("Version"), _("From"), _("Currency"), _("A payment"), _("In all")),
            *(_("Without PIN"), _("Prefers online from"), _("Uses"), _("Contact, days")),
        ],
        lines=each(
            lambda row: [
                *(row.version, row.effective_from, currency),
                amount(row.per_payment_cap_minor, currency),
                amount(row.cumulative_cap_minor, currency),
                amount(row.unverified_cap_minor, currency),
                *(row.lower_uses, row.upper_uses, row.contact_days),
            ]
        ),
    )


def _cards(rows: Sequence[Card]) -> Iterable[list[Cell]]:
    names = names_of(references={row.account.holder for row in rows})
    for row in rows:
        account = row.account
        minors = (account.balance_minor, account.held_minor, account.offline_reserve_minor)
        yield [
            *(row.reference, row.last4, row.state, row.frozen_by_owner_at, row.programme.name),
            *(account.holder, names.get(account.holder, ""), row.issued_at, account.currency),
            *(amount(minor, account.currency) for minor in (*minors, account.available_minor)),
        ]


CARDS: Final = Sheet[Card](
    heads=[
        *(_("Card"), _("Last four"), _("State"), _("Frozen by its owner"), _("Programme")),
        *(_("Customer"), _("Holder"), _("Issued"), _("Currency"), _("Balance"), _("Held")),
        *(_("Set aside offline"), _("Available")),
    ],
    lines=_cards,
)

CARDS_ALONE: Final = Sheet[Card](
    heads=[_("Card"), _("Last four"), _("State"), _("Programme")],
    lines=each(lambda row: [row.reference, row.last4, row.state, row.programme.name]),
)


def _entries(rows: Sequence[BlacklistEntry]) -> Iterable[list[Cell]]:
    by = authors_of(names=[name for row in rows for name in (row.listed_by, row.lifted_by)])
    for row in rows:
        account = row.card.account
        reach = (row.phones, row.reached)  # type: ignore[attr-defined]  # annotated
        exposed: int | None = row.exposure_minor  # type: ignore[attr-defined]  # annotated
        yield [
            *(row.card.reference, row.card.last4, row.reason, row.scope, row.note),
            *(by.get(row.listed_by, ""), row.listed_at, by.get(row.lifted_by, ""), row.lifted_at),
            *(row.listed_in, row.lifted_in),  # type: ignore[attr-defined]  # annotated
            *(*reach, account.currency, amount(exposed or 0, account.currency)),
        ]


BLACKLIST: Final = Sheet[BlacklistEntry](
    heads=[
        *(_("Card"), _("Last four"), _("Reason"), _("Scope"), _("Note"), _("Listed by")),
        *(_("Since"), _("Lifted by"), _("Lifted"), _("Version"), _("Version of its end")),
        *(_("Phones"), _("Phones reached"), _("Currency"), _("Exposure")),
    ],
    lines=_entries,
)

VERSIONS: Final = Sheet[BlacklistVersion](
    heads=[_("Version"), _("Published"), _("Added"), _("Lifted"), _("On the list"), _("Digest")],
    lines=each(
        lambda row: [
            *(row.version, row.published_at, row.added, row.removed, row.entries),
            bytes(row.digest).hex(),
        ]
    ),
)


def _decisions(rows: Sequence[Authorisation]) -> Iterable[list[Cell]]:
    payments = payments_named(references=[row.document for row in rows])
    for row in rows:
        payment = payments.get(row.document)
        yield [
            *(row.card.reference, row.card.last4, row.decline_reason or "approved"),
            *(row.decided_at, payment.merchant.name if payment else ""),
            *(payment.reference if payment else "", row.currency),
            amount(row.amount_minor, row.currency),
        ]


AUTHORISATIONS: Final = Sheet[Authorisation](
    heads=[
        *(_("Card"), _("Last four"), _("Decision"), _("Decided"), _("Where"), _("Payment")),
        *(_("Currency"), _("Amount")),
    ],
    lines=_decisions,
)


def _debt(row: Debt) -> list[Cell]:
    currency = row.account.currency
    minors = (row.amount_minor, row.collected_minor, row.outstanding_minor)
    return [
        *(row.card.reference, row.card.last4, row.account.holder, row.opened_at, row.closed_at),
        currency,
        *(amount(minor, currency) for minor in minors),
    ]


DEBTS: Final = Sheet[Debt](
    heads=[
        *(_("Card"), _("Last four"), _("Customer"), _("Opened"), _("Collected on")),
        *(_("Currency"), _("Debt"), _("Collected"), _("Outstanding")),
    ],
    lines=each(_debt),
)


def _command(row: OtaCommand) -> list[Cell]:
    currency = row.card.account.currency
    exposed: int | None = row.exposure_minor  # type: ignore[attr-defined]  # annotated
    return [
        *(row.card.reference, row.card.last4, row.device.reference, row.device.name),
        *(OtaCommand.Action(row.action).name, row.version, row.state, row.created_at),
        *(row.attempts, row.next_attempt_at, row.device.seen_at, currency),
        None if exposed is None else amount(exposed, currency),
    ]


COMMANDS: Final = Sheet[OtaCommand](
    heads=[
        *(_("Card"), _("Last four"), _("Phone"), _("Name"), _("Command"), _("Version")),
        *(_("State"), _("Queued"), _("Attempts"), _("Next attempt"), _("Phone last seen")),
        *(_("Currency"), _("Could be lost")),
    ],
    lines=each(_command),
)

DEVICES: Final = Sheet[Device](
    heads=[
        *(_("Device"), _("Name"), _("Kind"), _("State"), _("Owner"), _("Holds version")),
        *(_("Enrolled"), _("Last seen")),
    ],
    lines=each(
        lambda row: [
            *(row.reference, row.name, row.kind, row.state, row.owner),
            row.held,  # type: ignore[attr-defined]  # annotated
            *(row.enrolled_at, row.seen_at),
        ]
    ),
)

CERTIFICATE_REQUESTS: Final = Sheet[CertificateRequest](
    heads=[
        *(_("Card"), _("Last four"), _("State"), _("Phone"), _("Name"), _("Key"), _("Asked")),
        *(_("Decided"), _("Reason")),
    ],
    lines=each(
        lambda row: [
            *(row.card.reference, row.card.last4, row.state, row.device.reference),
            *(row.device.name, fingerprint(public_key=bytes(row.public_key))),
            *(row.requested_at, row.decided_at, row.reason),
        ]
    ),
)


def _jobs(rows: Sequence[Job]) -> Iterable[list[Cell]]:
    by = authors_of(names=[row.created_by for row in rows])
    for row in rows:
        yield [
            *(row.reference, row.kind, row.state, row.total, row.finished, row.failed),
            *(by.get(row.created_by, ""), row.created_at, row.ended_at),
        ]


JOBS: Final = Sheet[Job](
    heads=[
        *(_("File"), _("Kind"), _("State"), _("Rows"), _("Finished"), _("Not done"), _("By")),
        *(_("Handed in"), _("Ended")),
    ],
    lines=_jobs,
)
