"""Money back from a payment's page: a refund, or the whole payment reversed."""

from typing import Any, Final, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from config.people.access import SignedInRequest, actor_of, right_required
from config.refusals import Refused
from config.roles import Right
from merchants.selectors.shops import merchants_visible_to
from settlement.models import Payment
from settlement.portal import words
from settlement.portal.forms import ReasonForm, RefundForm
from settlement.selectors.clearing import why_not_reversible
from settlement.services import payments
from settlement.services.payments.refusals import ExceedsRefundable, RefundedMeanwhile

NOT_REVERSIBLE: Final = {
    "already_cleared": gettext_lazy("Its business day is cleared: refund it instead."),
    "already_refunded": gettext_lazy("Something of it was refunded: refund the rest instead."),
    "payment_not_refundable": gettext_lazy("It is not a paid one."),
}


@right_required(Right.REFUND_PAYMENTS)
@require_http_methods(["GET", "HEAD", "POST"])
def payment_refund(request: HttpRequest, reference: str) -> HttpResponse:
    """Ask how much goes back and why, and give it back."""
    row = _own(request, reference)
    form = refund_form(row, request.POST or None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            made = payments.refund(
                reference=row.reference,
                amount_minor=told["amount"],
                reason=told["reason"],
                actor=actor_of(request),
                at=timezone.now(),
                seen_minor=told["seen"],
            )
        except ExceedsRefundable:
            form.add_error("amount", _("This is more than is left."))
        except RefundedMeanwhile:
            messages.warning(
                request, _("Something was refunded since this form was opened. Nothing was added.")
            )
            return redirect("payment", reference=row.reference)
        except Refused as refusal:
            messages.error(request, _(refusal.detail))
            return redirect("payment", reference=row.reference)
        else:
            amount = words.amount(made.amount_minor, row.currency)
            messages.success(request, _("Refunded: %(amount)s.") % {"amount": amount})
            return redirect("payment", reference=row.reference)
    return render(request, "settlement/payment_refund.html", _asking(row, form))


@right_required(Right.REFUND_PAYMENTS)
@require_http_methods(["GET", "HEAD", "POST"])
def payment_reverse(request: HttpRequest, reference: str) -> HttpResponse:
    """Ask why the whole payment is taken back, and take it back."""
    row = _own(request, reference)
    form = ReasonForm(request.POST or None, auto_id="reverse-%s")
    if request.method == "POST" and form.is_valid():
        try:
            payments.reverse(
                reference=row.reference,
                reason=form.cleaned_data["reason"],
                actor=actor_of(request),
                at=timezone.now(),
            )
        except Refused as refusal:
            messages.error(request, NOT_REVERSIBLE.get(refusal.code, refusal.detail))
        else:
            messages.success(request, _("Reversed: the whole amount goes back."))
        return redirect("payment", reference=row.reference)
    context = _asking(row, form) | {"why_not": why_not(row)}
    return render(request, "settlement/payment_reverse.html", context)


def refund_form(row: Payment, data: Any = None) -> RefundForm:
    """Return the form for what is left of ``row``."""
    return RefundForm(
        data,
        left_minor=row.amount_minor - row.refunded_minor,
        currency=row.currency,
        initial={"seen": row.refunded_minor},
        auto_id="refund-%s",
    )


def why_not(row: Payment) -> object:
    """Return in words why a payment cannot be reversed, "" where it can be."""
    code = why_not_reversible(payment=row)
    return NOT_REVERSIBLE[code] if code else ""


def _own(request: HttpRequest, reference: str) -> Payment:
    """Return a payment of a shop at which the person may refund; others look like absent (404)."""
    user = cast("SignedInRequest", request).user
    shops = merchants_visible_to(user, Right.REFUND_PAYMENTS)
    rows = Payment.objects.filter(merchant__in=shops).select_related("merchant", "card")
    return get_object_or_404(rows, reference=reference)


def _asking(row: Payment, form: ReasonForm) -> dict[str, Any]:
    return {"payment": row, "form": form, "left_minor": row.amount_minor - row.refunded_minor}
