"""A payment's receipt, as it is printed on 80 mm paper."""

from typing import Final, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from config.people.access import SignedInRequest, right_required, tenants_with
from config.roles import Right
from settlement.models import Payment
from settlement.portal import trace_words, traces_ahead, words
from settlement.selectors.receipts import purchase_of
from settlement.selectors.visible import payments_of

STAMPS: Final = {
    Payment.State.DECLINED: _("DECLINED"),
    Payment.State.CANCELLED: _("CANCELLED"),
    Payment.State.EXPIRED: _("EXPIRED"),
    Payment.State.REVERSED: _("REVERSED"),
}


@right_required(Right.SEE_PAYMENTS)
@require_safe
def receipt(request: HttpRequest, reference: str) -> HttpResponse:
    """Show the receipt to whoever may see the payment; a stamp says what it is not."""
    user = cast("SignedInRequest", request).user
    rows = payments_of(tenants_with(user=user, right=Right.SEE_PAYMENTS))
    row = get_object_or_404(rows, reference=reference)
    purchase = purchase_of(payment=row)
    paid_out = row.redemption if hasattr(row, "redemption") else None
    context = {
        "payment": row,
        "channel": words.CHANNELS[Payment.Channel(row.channel)],
        "purchase": purchase,
        "paid_out": paid_out,
        "handed_out": traces_ahead.KINDS.get(paid_out.kind, "") if paid_out else "",
        "tender": trace_words.TENDERS.get(purchase.tender, "") if purchase else "",
        "tid": row.request.tid if hasattr(row, "request") else "",
        "stamp": stamp_of(row),
        "refunds": list(row.refunds.order_by("id")),
        "left_minor": row.amount_minor - row.refunded_minor,
    }
    return render(request, "settlement/receipt.html", context)


def stamp_of(payment: Payment) -> str | Promise:
    """Return the word across the receipt, "" for a payment that was simply paid."""
    if payment.state != Payment.State.APPROVED:
        return STAMPS.get(Payment.State(payment.state), _("PENDING"))
    if not payment.refunded_minor:
        return ""
    whole = payment.refunded_minor == payment.amount_minor
    return _("REFUNDED") if whole else _("REFUNDED IN PART")
