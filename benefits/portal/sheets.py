"""What a sponsor's lists hold as CSV, column by column; names of customers stay masked."""

from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _

from benefits.models import Definition, Earning, Holding, Lock, Sponsor
from benefits.portal import words
from benefits.selectors.campaigns import budgets_of
from config.exports import Cell, amount
from config.portal.sheets import Sheet, each

SPONSORS: Final = Sheet[Sponsor](
    heads=[_("Sponsor"), _("Name"), _("Kind"), _("Owner"), _("Campaigns out")],
    lines=each(
        lambda row: [
            *(row.reference, row.name, row.kind, row.owner),
            row.out,  # type: ignore[attr-defined]  # annotated
        ]
    ),
)


def _campaigns(rows: Sequence[Definition]) -> Iterable[list[Cell]]:
    budgets = budgets_of(definitions=rows)
    for row in rows:
        budget, code = budgets[row.pk], row.currency
        yield [
            *(row.reference, row.name, row.kind, row.state, row.starts_at, row.ends_at, code),
            None if budget.size_minor is None else amount(budget.size_minor, code),
            *(amount(budget.taken_minor, code), budget.size_uses, budget.taken_uses),
        ]


CAMPAIGNS: Final = Sheet[Definition](
    heads=[
        *(_("Campaign"), _("Name"), _("Kind"), _("State"), _("Begins"), _("Ends")),
        *(_("Currency"), _("Budget"), _("Budget used"), _("Uses in all"), _("Uses taken")),
    ],
    lines=_campaigns,
)


def _redeemed(row: Lock) -> list[Cell]:
    of, what = row.redemption, row.holding.definition
    minors = (of.purchase_minor, row.amount_minor, row.restored_minor)
    return [
        *(of.taken_at, of.document, what.reference, what.name),
        *(of.merchant.name, of.store.name, row.state, of.tender, of.currency),
        *(amount(minor, of.currency) for minor in minors),
    ]


REDEMPTIONS: Final = Sheet[Lock](
    heads=[
        *(_("Taken at"), _("Document"), _("Campaign"), _("Name"), _("Merchant"), _("Store")),
        *(_("State"), _("Paid by"), _("Currency"), _("Purchase"), _("Taken"), _("Came back")),
    ],
    lines=each(_redeemed),
)


def _holding(row: Holding) -> list[Cell]:
    code = row.definition.currency
    return [
        *(row.reference, row.definition.reference, row.definition.name, row.kind, row.state),
        *(row.customer.reference, words.masked(row.customer.name), row.uses, row.used, code),
        None if row.balance_minor is None else amount(row.available_minor, code),
        *(row.granted_at, row.ends_at),
    ]


HOLDINGS: Final = Sheet[Holding](
    heads=[
        *(_("Benefit"), _("Campaign"), _("Name"), _("Kind"), _("State"), _("Customer")),
        *(_("Initials"), _("Uses"), _("Used"), _("Currency"), _("Left"), _("Granted")),
        _("Good until"),
    ],
    lines=each(_holding),
)


def _earning(row: Earning) -> list[Cell]:
    code = row.gives.currency
    return [
        *(row.reference, row.gives.reference, row.gives.name, row.points_bps, row.stamps_needed),
        *(code, amount(row.min_purchase_minor, code), row.lot_days, row.starts_at, row.ended_at),
    ]


EARNINGS: Final = Sheet[Earning](
    heads=[
        *(_("Rule"), _("Gives"), _("Name"), _("Points, basis points"), _("Stamps needed")),
        *(_("Currency"), _("From a purchase of"), _("Points live, days"), _("Begins"), _("Ended")),
    ],
    lines=each(_earning),
)
