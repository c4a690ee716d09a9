"""What a person may see of payouts: merchants their own, the clearing desk all."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import QuerySet

from config.models import User
from config.people.access import tenants_with
from config.roles import Right
from settlement.models import Payout, PayoutLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSum:
    """What one channel brought to a payout; ``late``: of business days before the payout's."""

    channel: str
    late: bool
    sales: int
    sales_minor: int
    reversals: int
    reversals_minor: int
    losses_minor: int
    fees_minor: int

    @property
    def net_minor(self) -> int:
        """Return what of it is owed."""
        return self.sales_minor - self.reversals_minor - self.losses_minor - self.fees_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sale, reversal or refund of a payout, amounts signed: what it adds to what is owed."""

    payment: str
    reversal: bool
    channel: str
    store: str
    device: str
    business_date: date
    tapped_at: datetime
    approval_code: str
    amount_minor: int
    loss_minor: int
    fee_minor: int


def payouts_visible_to(user: User) -> QuerySet[Payout]:
    """Return the payouts of the merchants at which ``user`` may see them."""
    tenants = tenants_with(user=user, right=Right.SEE_PAYOUTS)
    rows = Payout.objects.select_related("merchant")
    return rows if tenants.everything else rows.filter(merchant__reference__in=tenants.references)


def by_channel(payout: Payout) -> list[ChannelSum]:
    """Return what each channel brought, late postings apart, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_CHANNEL, [payout.business_date, payout.pk])
        return [
            ChannelSum(
                channel=channel,
                late=late,
                sales=sales,
                sales_minor=sales_minor,
                reversals=reversals,
                reversals_minor=reversals_minor,
                losses_minor=losses_minor,
                fees_minor=fees_minor,
            )
            for channel, late, sales, sales_minor, *rest in cursor.fetchall()
            for reversals, reversals_minor, losses_minor, fees_minor in [rest]
        ]


_BY_CHANNEL = """
WITH lines AS (
    SELECT p.channel, COALESCE(r.business_date, p.business_date) < %s AS late, l.reversal,
           COALESCE(r.amount_minor, p.amount_minor) AS amount_minor,
           CASE WHEN l.reversal THEN -1 ELSE 1 END AS sign,
           CASE WHEN r.id IS NULL THEN p.fee_minor ELSE 0 END AS fee_minor,
           CASE p.bearer WHEN 'MERCHANT' THEN COALESCE(r.amount_minor, p.amount_minor)
                ELSE 0 END AS loss_minor
      FROM settlement_payoutline l
      JOIN settlement_payment p ON p.id = l.payment_id
      LEFT JOIN settlement_refund r ON r.id = l.refund_id
     WHERE l.payout_id = %s
)
SELECT channel, late,
       count(*) FILTER (WHERE NOT reversal),
       coalesce(sum(amount_minor) FILTER (WHERE NOT reversal), 0)::bigint,
       count(*) FILTER (WHERE reversal),
       coalesce(sum(amount_minor) FILTER (WHERE reversal), 0)::bigint,
       sum(sign * loss_minor)::bigint,
       sum(sign * fee_minor)::bigint
  FROM lines GROUP BY channel, late ORDER BY late, channel
"""


def lines_of(payout: Payout) -> Iterator[Line]:
    """Yield the payout's lines in the order of the payments, streamed from the database."""
    rows = (
        PayoutLine.objects.filter(payout=payout)
        .select_related("payment__store", "payment__device", "refund")
        .order_by("id")
    )
    for row in rows.iterator(chunk_size=2000):
        payment, refund, sign = row.payment, row.refund, -1 if row.reversal else 1
        amount_minor = refund.amount_minor if refund else payment.amount_minor
        borne = payment.bearer == "MERCHANT"
        yield Line(
            payment=payment.reference,
            reversal=row.reversal,
            channel=payment.channel,
            store=payment.store.name,
            device=payment.device.name,
            business_date=refund.business_date if refund else payment.business_date,
            tapped_at=payment.created_at,
            approval_code=payment.approval_code,
            amount_minor=sign * amount_minor,
            loss_minor=-sign * amount_minor if borne else 0,
            fee_minor=0 if refund else -sign * payment.fee_minor,
        )
