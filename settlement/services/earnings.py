"""What payments earn: points and stamps, after them and by themselves (mission §2, 6.02).

An offline payment earns once its batch has posted, as any payment once it is approved. What was
given is noted, so that nothing earns twice and nothing is looked at again. Cash, certificates and
tickets that a machine handed out earn nothing.
"""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Sum

from benefits.models import Earning, Redemption
from benefits.rules.vocabulary import Kind
from benefits.services import accruals, clawing_back
from config import pipeline
from config.sweeps import Sweep
from merchants.models import Merchant
from settlement.models import Checkout, Earned, Payment
from settlement.services.payments import rows
from wallets.models import Customer

LATEST: Final = timedelta(days=8)  # older ones were looked at long ago


class _Paid(NamedTuple):
    """What a document says of its purchase; minor units, ``base_minor`` paid with money."""

    customer: Customer | None
    merchant: Merchant
    currency: str
    base_minor: int
    purchase_minor: int
    refunded_minor: int
    paid_at: datetime


def give_due(*, at: datetime, limit: int) -> int:
    """Give what up to ``limit`` documents earned, each in a transaction of its own; return how
    many there was anything to do about."""
    bought = Payment.objects.filter(state="APPROVED").exclude(channel=Payment.Channel.PREAPPROVAL)
    names = _due(bought, "approved_at", at, limit)
    by_till = Checkout.objects.filter(state=Checkout.State.PAID, payment=None)
    names += _due(by_till, "ended_at", at, limit - len(names))
    return SWEEP.run(names=names, at=at)


@transaction.atomic
def give(*, document: str, at: datetime) -> bool:
    """Give what a payment, or a checkout without one, earned; once, and nothing for what was taken
    back since. Return whether it is given now."""
    paid = _locked(document)
    if paid is None or Earned.objects.filter(document=document).exists():
        return False
    Earned.objects.create(document=document, at=at)
    if paid.customer is None:
        return True
    accruals.give(
        customer=paid.customer,
        merchant=paid.merchant,
        document=document,
        base_minor=paid.base_minor,
        currency=paid.currency,
        paid_at=paid.paid_at,
        at=at,
    )
    if paid.refunded_minor:
        clawing_back.claw_back(
            document=document,
            key="before it earned",
            refunded_minor=paid.refunded_minor,
            purchase_minor=paid.purchase_minor,
            at=at,
        )
    return True


def _due(paid: QuerySet[Any], since: str, at: datetime, limit: int) -> list[str]:
    """Return documents at merchants that let customers earn, which have earned nothing yet."""
    rules = Earning.objects.filter(merchant=OuterRef("merchant"), starts_at__lte=OuterRef(since))
    found = paid.filter(
        Exists(rules),
        ~SWEEP.stuck("reference"),
        ~Exists(Earned.objects.filter(document=OuterRef("reference"))),
        merchant__in=Earning.objects.values("merchant"),
        **{f"{since}__gt": at - LATEST},
    )
    return list(found.order_by("pk").values_list("reference", flat=True)[: max(limit, 0)])


def _locked(document: str) -> _Paid | None:
    """Lock the document and return its purchase; None where it is not paid any more."""
    (found,) = pipeline.run(rows.locked_payment(reference=document))
    request = rows.request_of(found)
    used = Redemption.objects.filter(document=document, state=Redemption.State.COMMITTED)
    redemption = used.select_related("plan__customer", "merchant").first()
    if request is None:
        still_paid = Checkout.objects.select_for_update(no_key=True).filter(
            reference=document, state=Checkout.State.PAID
        )
        if redemption is None or not still_paid.exists():
            return None
    elif request.state != "APPROVED":
        return None
    if redemption is not None:
        return _with_benefits(redemption)
    assert request is not None, "one of both is there"
    payment = Payment.objects.select_related("card__account", "merchant").get(reference=document)
    assert payment.approved_at is not None, "an approved payment has its time"
    holder = payment.card.account.holder if payment.card else ""
    return _Paid(
        customer=Customer.objects.filter(reference=holder).first(),
        merchant=payment.merchant,
        currency=payment.currency,
        base_minor=payment.amount_minor,
        purchase_minor=payment.amount_minor,
        refunded_minor=payment.refunded_minor,
        paid_at=payment.approved_at,
    )


def _with_benefits(used: Redemption) -> _Paid:
    """Return what was paid with money, gift cards included: discounts and points earn nothing."""
    gifts = used.lines.filter(holding__kind=Kind.GIFT_CARD).aggregate(sum=Sum("amount_minor"))
    assert used.ended_at is not None, "what is committed has its time"
    return _Paid(
        customer=used.plan.customer,
        merchant=used.merchant,
        currency=used.currency,
        base_minor=used.remainder_minor + (gifts["sum"] or 0),
        purchase_minor=used.purchase_minor,
        refunded_minor=used.refunded_minor,
        paid_at=used.ended_at,
    )


def _merchant(document: str) -> str:
    named = [rows.filter(reference=document) for rows in (Payment.objects, Checkout.objects)]
    merchants = [each.values_list("merchant__reference", flat=True) for each in named]
    return merchants[0].union(merchants[1]).get()


SWEEP: Final = Sweep(
    kind="earning_not_given",
    told="The portal fails to give what {name} earned.",
    end=lambda document, at: give(document=document, at=at),
    tenant=_merchant,
)
