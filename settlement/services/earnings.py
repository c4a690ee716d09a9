"""What payments earn: points and stamps, after them and by themselves (mission §2, 6.02).

An offline payment earns once its batch has posted, as any payment once it is approved. What was
given is noted, so that nothing earns twice and nothing is looked at again. Cash, certificates and
tickets that a machine handed out earn nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from benefits.models import Earning, Redemption
from benefits.rules.vocabulary import Kind
from benefits.services import accruals, clawing_back
from benefits.services.accruals import Paid
from benefits.services.holdings import BudgetExhausted
from config.looks import Look
from config.sweeps import Sweep
from settlement.models import Checkout, Earned, Payment
from wallets.models import Customer

LATEST: Final = timedelta(days=8)  # older ones were looked at long ago
_TOGETHER: Final = 50  # documents in one transaction


class _Document(NamedTuple):
    """A document and what it says of its purchase; ``paid`` is None where nobody can earn."""

    reference: str
    paid: Paid | None
    purchase_minor: int
    refunded_minor: int


class _InTurn(Exception):
    """Something was refunded before it earned: taken back only after all were given, its stamp
    could fill a card, which would be lost with the stamps of others."""


def give_due(*, at: datetime, limit: int) -> int:
    """Give what up to ``limit`` documents earned, many in a transaction, and each in one of its own
    where that is not possible; return how many there was anything to do about."""
    names = [name for look in _DUE for (name,) in look.at(at, limit=limit)][:limit]
    return sum(
        SWEEP.run_together(names=some, at=at, end=_give_together)
        for some in batched(names, _TOGETHER)
    )


def give(*, document: str, at: datetime) -> bool:
    """Give what a payment, or a checkout without one, earned; once, and nothing for what was taken
    back since. Return whether it is given now."""
    return _give([document], at) == 1


def _give_together(documents: Sequence[str], at: datetime) -> int | None:
    try:
        return _give(documents, at)
    except (_InTurn, BudgetExhausted):
        return None


@transaction.atomic
def _give(documents: Sequence[str], at: datetime) -> int:
    paid = _locked(documents)
    given = Earned.objects.filter(document__in=[each.reference for each in paid])
    before = set(given.values_list("document", flat=True))
    now = [each for each in paid if each.reference not in before]
    earning = [each for each in now if each.paid is not None]
    if len(documents) > 1 and any(each.refunded_minor for each in earning):
        raise _InTurn
    Earned.objects.bulk_create([Earned(document=each.reference, at=at) for each in now])
    accruals.give(purchases=[each.paid for each in earning if each.paid is not None], at=at)
    for each in earning:
        if each.refunded_minor:
            clawing_back.claw_back(
                document=each.reference,
                key="before it earned",
                refunded_minor=each.refunded_minor,
                purchase_minor=each.purchase_minor,
                at=at,
            )
    return len(now)


def _paid(at: datetime) -> QuerySet[Any, Any]:
    bought = Payment.objects.filter(state="APPROVED").exclude(channel=Payment.Channel.PREAPPROVAL)
    return _unearned(bought, "approved_at", at)


def _paid_by_till(at: datetime) -> QuerySet[Any, Any]:
    by_till = Checkout.objects.filter(state=Checkout.State.PAID, payment=None)
    return _unearned(by_till, "ended_at", at)


def _unearned(paid: QuerySet[Any], since: str, at: datetime) -> QuerySet[Any, Any]:
    """Return documents at merchants that let customers earn, which have earned nothing yet."""
    rules = Earning.objects.filter(merchant=OuterRef("merchant"), starts_at__lte=OuterRef(since))
    found = paid.filter(
        Exists(rules),
        ~SWEEP.stuck("reference"),
        ~Exists(Earned.objects.filter(document=OuterRef("reference"))),
        merchant__in=Earning.objects.values("merchant"),
        **{f"{since}__gt": at - LATEST},
    )
    return found.order_by("pk").values_list("reference")


_DUE: Final = (Look(_paid), Look(_paid_by_till))


def _locked(documents: Sequence[str]) -> list[_Document]:
    """Lock documents and return their purchases, without those that are not paid any more."""
    payments = (
        Payment.objects.select_for_update(of=("self",), no_key=True)
        .filter(reference__in=documents)
        .select_related("card__account", "merchant")
        .order_by("pk")
    )
    found = list(payments)
    approved = [each for each in found if each.state == "APPROVED"]
    names = [each.reference for each in approved]
    if others := set(documents) - {each.reference for each in found}:
        by_till = Checkout.objects.select_for_update(no_key=True).filter(
            reference__in=others, payment=None, state=Checkout.State.PAID
        )
        names += by_till.order_by("pk").values_list("reference", flat=True)
    with_benefits = _with_benefits(names)
    without = [each for each in approved if each.reference not in with_benefits]
    return [*with_benefits.values(), *_without_benefits(without)]


def _without_benefits(payments: Sequence[Payment]) -> list[_Document]:
    holders = {each.card.account.holder for each in payments if each.card}
    customers = Customer.objects.in_bulk(holders, field_name="reference") if holders else {}
    found = []
    for each in payments:
        assert each.approved_at is not None, "an approved payment has its time"
        customer = customers.get(each.card.account.holder) if each.card else None
        paid = None
        if customer is not None:
            paid = Paid(
                document=each.reference,
                customer=customer,
                merchant=each.merchant,
                currency=each.currency,
                base_minor=each.amount_minor,
                paid_at=each.approved_at,
            )
        found.append(_Document(each.reference, paid, each.amount_minor, each.refunded_minor))
    return found


def _with_benefits(documents: Sequence[str]) -> dict[str, _Document]:
    """Return what was paid with money, gift cards included: discounts and points earn nothing."""
    gifts = Sum("lines__amount_minor", filter=Q(lines__holding__kind=Kind.GIFT_CARD))
    used = (
        Redemption.objects.filter(document__in=documents, state=Redemption.State.COMMITTED)
        .select_related("plan__customer", "merchant")
        .annotate(gifts_minor=gifts)
    )
    found = {}
    for each in used:
        assert each.ended_at is not None, "what is committed has its time"
        paid = Paid(
            document=each.document,
            customer=each.plan.customer,
            merchant=each.merchant,
            currency=each.currency,
            base_minor=each.remainder_minor + (each.gifts_minor or 0),
            paid_at=each.ended_at,
        )
        found[each.document] = _Document(
            each.document, paid, each.purchase_minor, each.refunded_minor
        )
    return found


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
