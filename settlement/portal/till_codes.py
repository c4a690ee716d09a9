"""A purchase by a customer's code at the till in a browser: the quote, and how it ends.

It lives under its own reference in the address; the code itself was read once and is nowhere.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.people.access import actor_of, right_required
from config.refusals import NotFound, Refused
from config.roles import Right
from merchants.models import Merchant
from settlement.models import Checkout
from settlement.portal import purchase_lines, words
from settlement.portal.code_stages import stage_of
from settlement.portal.places import merchant_for
from settlement.portal.till import recent, stage_alone
from settlement.services import till_codes
from settlement.services.checkouts import CheckoutFinal


@right_required(Right.TAKE_PAYMENTS)
@require_safe
def till_code(request: HttpRequest, merchant: str, checkout: str) -> HttpResponse:
    """Show a purchase as it stands; till.js keeps the page up to date."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    found = till_codes.seen(merchant=shop, reference=checkout, at=timezone.now())
    return render(request, "settlement/till_code.html", _purchase(request, shop, found))


@right_required(Right.TAKE_PAYMENTS)
@require_safe
def till_code_state(request: HttpRequest, merchant: str, checkout: str) -> HttpResponse:
    """Answer the purchase's stage alone, as the page draws it."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    found = till_codes.seen(merchant=shop, reference=checkout, at=timezone.now())
    return stage_alone(request, "settlement/till_code.html", _purchase(request, shop, found))


@right_required(Right.TAKE_PAYMENTS)
@require_POST
def till_code_confirm(request: HttpRequest, merchant: str, checkout: str) -> HttpResponse:
    """End a quoted purchase: the rest was paid in cash, or by card at the till."""
    tender = Checkout.Tender.CARD if request.POST.get("tender") == "CARD" else Checkout.Tender.CASH

    def act(shop: Merchant) -> None:
        till_codes.confirm(
            merchant=shop,
            reference=checkout,
            tender=tender,
            actor=actor_of(request),
            at=timezone.now(),
        )

    return _after(request, merchant, checkout, act)


@right_required(Right.TAKE_PAYMENTS)
@require_POST
def till_code_abandon(request: HttpRequest, merchant: str, checkout: str) -> HttpResponse:
    """Give up an open purchase: the customer's benefits are free again."""

    def act(shop: Merchant) -> None:
        till_codes.abandon(
            merchant=shop, reference=checkout, actor=actor_of(request), at=timezone.now()
        )

    return _after(request, merchant, checkout, act)


@right_required(Right.TAKE_PAYMENTS)
@require_POST
def till_code_cancel(request: HttpRequest, merchant: str, checkout: str) -> HttpResponse:
    """Take a purchase back, money and benefits."""

    def act(shop: Merchant) -> None:
        till_codes.cancel(
            merchant=shop, reference=checkout, actor=actor_of(request), at=timezone.now()
        )

    return _after(request, merchant, checkout, act)


def _after(
    request: HttpRequest, merchant: str, checkout: str, act: Callable[[Merchant], None]
) -> HttpResponse:
    """Do ``act`` and lead back to the purchase, which says what became of it."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    try:
        act(shop)
    except NotFound:
        raise
    except CheckoutFinal:
        messages.info(request, _("It had ended before; see below."))
    except Refused as refusal:
        messages.error(request, refusal.detail)
    return redirect("till-code", merchant=shop.reference, checkout=checkout)


def _purchase(request: HttpRequest, shop: Merchant, found: Checkout) -> dict[str, Any]:
    stage, now = stage_of(found), timezone.now()
    return {
        "merchant": shop,
        "checkout": found,
        "store": found.store,
        "payment": found.payment,
        "stage": stage,
        "amount": words.amount(stage.shown_minor, found.currency),
        "rest": words.amount(found.remainder_minor, found.currency),
        "rest_word": purchase_lines.rest_word(tender=found.tender),
        "lines": purchase_lines.of(document=found.reference),
        "skips": purchase_lines.skips_of(checkout=found),
        "may_take_back": now < found.expires_at,
        "recent": recent(found.store.reference),
        "socket": f"{settings.SOCKETS_ORIGIN}/ws/v1/merchant/payments?merchant={shop.reference}",
        "now": now,
        "left": max(0, int((found.expires_at - now).total_seconds())),
        "whole": max(1, int((found.expires_at - found.opened_at).total_seconds())),
        "time_zone": getattr(request, "time_zone", ""),
    }
