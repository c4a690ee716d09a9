"""What merchants are owed: a record for each ended business day, every payment in exactly one.

A sale stands in the payout of its business day, or of the day it was posted where that is later; a
reversal in that of the day it was posted, a refund in that of its own. What comes when that payout
is drawn up already goes into the next one. Money is not moved to a bank here: the record says what
is owed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from config import audit, references
from config.audit import SYSTEM, Actor
from config.refusals import Refused
from merchants.models import Merchant
from settlement.models import DayClose, LedgerAccount, MerchantDay, Payout, PayoutLine, Transfer
from settlement.rules.sheet import business_date
from settlement.selectors import readers
from settlement.selectors.due import Due, due_of
from settlement.services import copying, days, ledger
from settlement.services.ledger import Draft, Key

# A posting that began before midnight has ended by then.
GRACE: Final = timedelta(minutes=10)
PLATFORM: Final = "platform"  # who owns the fees

_Kind = LedgerAccount.Kind


class DayNotOver(Refused):
    code = "business_day_not_over"
    status = 409
    title = "The business day is not over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A payout about to be drawn up."""

    day: date
    currency: str
    lines: Sequence[Due]

    def figures(self) -> dict[str, int]:
        """Return the record's figures: counts, and minor units of its currency."""
        sold = [due for due in self.lines if not due.reversal]
        back = [due for due in self.lines if due.reversal]
        figures = {
            "sales": sum(due.number for due in sold),
            "sales_minor": sum(due.amount_minor for due in sold),
            "reversals": sum(due.number for due in back),
            "reversals_minor": sum(due.amount_minor for due in back),
            "losses_minor": sum(due.sign * due.losses_minor for due in self.lines),
            "fees_minor": sum(due.sign * due.fees_minor for due in self.lines),
        }
        taken_off = ("reversals_minor", "losses_minor", "fees_minor")
        net = figures["sales_minor"] - sum(figures[name] for name in taken_off)
        return figures | {"net_minor": net}


def draw_up_due(*, at: datetime, day: date | None = None, actor: Actor = SYSTEM) -> list[Payout]:
    """
    Draw up what is due at each merchant whose business day has ended, each on its own.

    ``day``: nothing that is due later. Run twice, or by two workers at once, it draws up nothing
    twice.
    """
    days.roll_up()
    open_days = MerchantDay.objects.filter(
        Q(sales__gt=F("sales_drawn"))
        | Q(reversals__gt=F("reversals_drawn"))
        | Q(refunds__gt=F("refunds_drawn")),
        merchant=OuterRef("pk"),
    )
    drafts = Payout.objects.filter(merchant=OuterRef("pk"), state=Payout.State.DRAFT)
    drawn = []
    for merchant in Merchant.objects.filter(Exists(open_days) | Exists(drafts)).order_by("pk"):
        last = last_ended(merchant=merchant, at=at)
        drawn += draw_up(merchant=merchant, day=min(day or last, last), at=at, actor=actor)
    return drawn


def last_ended(*, merchant: Merchant, at: datetime) -> date:
    """Return the merchant's last business day that was over a little before ``at``."""
    today = business_date(at=int((at - GRACE).timestamp()), time_zone=merchant.time_zone)
    return today - timedelta(days=1)


@transaction.atomic
def draw_up(*, merchant: Merchant, day: date, at: datetime, actor: Actor = SYSTEM) -> list[Payout]:
    """
    Draw up the payouts of ``merchant`` for ``day`` and all days before that have none.

    Its drafts are closed once no reader misses a batch any more. A day that was closed by hand is
    over.

    :raises DayNotOver: ``day`` has not ended where the merchant is
    """
    merchant = _locked(merchant)
    closed = DayClose.objects.filter(merchant=merchant, business_date=day).exists()
    if not closed and day > last_ended(merchant=merchant, at=at):
        raise DayNotOver(f"{day} has not ended at {merchant}.")
    planned = _plan(merchant, day, due_of(merchant=merchant, day=day))
    drafts = Payout.objects.filter(merchant=merchant, state=Payout.State.DRAFT)
    if not planned and not drafts.exists():
        return []
    missing = _missing(merchant, at)
    if not missing:
        _close(drafts, at, actor)
    drawn = [_draw_up(merchant, one, missing, at, actor) for one in planned]
    _note_drawn(merchant, [due for one in planned for due in one.lines])
    return drawn


def _locked(merchant: Merchant) -> Merchant:
    """Keep other workers from this merchant's payouts; postings go on, they only refer to it."""
    return Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)


def _plan(merchant: Merchant, day: date, found: Iterable[Due]) -> list[Planned]:
    """Return the payouts to draw up; what is due in one that stands goes into that of ``day``."""
    standing = set(
        Payout.objects.filter(merchant=merchant).values_list("business_date", "currency")
    )
    lines: dict[tuple[date, str], list[Due]] = {}
    for due in found:
        own, newest = (due.day, due.currency), (day, due.currency)
        into = newest if own in standing else own
        if into not in standing:
            lines.setdefault(into, []).append(due)
    return [
        Planned(day=on, currency=currency, lines=lines[on, currency])
        for on, currency in sorted(lines)
    ]


def _missing(merchant: Merchant, at: datetime) -> list[dict[str, Any]]:
    """Return which readers' batches are not in the books: missing, or accepted and not posted."""
    found = []
    for reader in readers.readers_of(merchant=merchant, at=at):
        told: dict[str, Any] = {}
        if reader.missing:
            told["missing"] = list(reader.missing)
        if reader.waiting:
            told["waiting"] = reader.waiting
        if told:
            device = reader.item.device
            found.append({"reader": device.reference, "name": device.name} | told)
    return found


def _draw_up(
    merchant: Merchant, planned: Planned, missing: list[dict[str, Any]], at: datetime, actor: Actor
) -> Payout:
    figures = planned.figures()
    charges = list(_charges(merchant, planned.currency, figures))
    posting = ledger.post_many(kind="payout", transfers=charges, at=at) if charges else None
    payout = Payout.objects.create(
        reference=references.new("PYT"),
        merchant=merchant,
        business_date=planned.day,
        currency=planned.currency,
        state=Payout.State.DRAFT if missing else Payout.State.CLOSED,
        closed_at=None if missing else at,
        incomplete=missing,
        posting=posting,
        created_at=at,
        **figures,
    )
    copying.insert(
        model=PayoutLine,
        fields=("payout_id", "payment_id", "reversal", "refund_id"),
        rows=(
            (payout.pk, payment, due.reversal, refund)
            for due in planned.lines
            for payment, refund in zip(due.payments, due.refunds, strict=True)
        ),
    )
    _audit("payout.draw_up", payout, at, actor, figures | {"state": payout.state})
    return payout


def _charges(merchant: Merchant, currency: str, figures: dict[str, int]) -> Iterable[Draft]:
    """Yield what the merchant pays out of its sales; given back where more was taken back."""
    payable = Key(_Kind.MERCHANT.value, merchant.reference, currency)
    fees = Key(_Kind.FEES.value, PLATFORM, currency)
    loss = Key(_Kind.MERCHANT_LOSS.value, merchant.reference, currency)
    for code, to, minor in (
        (Transfer.Code.FEES, fees, figures["fees_minor"]),
        (Transfer.Code.LOSS_CHARGED, loss, figures["losses_minor"]),
    ):
        if minor > 0:
            yield Draft(code, payable, to, minor)
        elif minor < 0:
            yield Draft(code, to, payable, -minor)


def _note_drawn(merchant: Merchant, lines: Sequence[Due]) -> None:
    """Count the lines at their days, last and in the order in which postings take the days."""
    drawn: dict[tuple[date, str, str], list[int]] = {}
    for due in lines:
        counts = drawn.setdefault((due.business_date, due.currency, due.channel), [0, 0, 0])
        of_refunds = due.refunds[0] is not None
        counts[2 if of_refunds else int(due.reversal)] += due.number
    for (on, currency, channel), (sales, reversals, refunds) in sorted(drawn.items()):
        MerchantDay.objects.filter(
            merchant=merchant, business_date=on, currency=currency, channel=channel
        ).update(
            sales_drawn=F("sales_drawn") + sales,
            reversals_drawn=F("reversals_drawn") + reversals,
            refunds_drawn=F("refunds_drawn") + refunds,
        )


def _close(drafts: Iterable[Payout], at: datetime, actor: Actor) -> None:
    for payout in drafts:
        payout.transition(Payout.State.CLOSED, closed_at=at)
        _audit("payout.close", payout, at, actor, {"state": payout.state})


def _audit(action: str, payout: Payout, at: datetime, actor: Actor, after: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject_kind="payout",
        subject=payout.reference,
        tenant=payout.merchant.reference,
        at=at,
        after=after,
    )
