"""The till in a browser: keypad, code on the screen, and what became of it.

The portal plays the terminal here. A sale lives under its T-ID in the address, so a page that is
loaded again, or opened twice, shows the same one.
"""

from typing import Any, Final, cast

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config import money, qr
from config.idempotency import IdempotencyMismatch
from config.people.access import SignedInRequest, actor_of, may, right_required
from config.portal.filters import Tab
from config.refusals import NotFound, Refused
from config.roles import Right
from merchants.models import Merchant, Store
from merchants.services import tills as numbers
from merchants.services.tills import TillOutOfService, Wish
from settlement.portal import code_words, purchase_lines, words
from settlement.portal.forms import ChargeForm, fresh_key, fresh_wish, show_refusal
from settlement.portal.places import merchant_for, store_asked
from settlement.portal.stages import stage_of
from settlement.rules.requests import Request
from settlement.selectors.tills import last_sales
from settlement.services import till_codes, tills
from settlement.services.payments.refusals import PaymentFinal, TidReused

LAST: Final = 5
QR_PREFIX: Final = "T1."


@right_required(Right.TAKE_PAYMENTS)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
def till(request: HttpRequest, merchant: str) -> HttpResponse:
    """Show the keypad of a store's till; a POST charges, or takes a customer's code, and leads to
    the sale's own page."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    stores = list(shop.stores.filter(closed_at=None).order_by("id"))
    if not stores:
        return render(request, "settlement/till_nowhere.html", {"merchant": shop})
    store = store_asked(request, stores)
    typed = request.POST.dict() or None
    form = ChargeForm(typed, currency=shop.currency, initial=fresh_wish(store=store.reference))
    closed = False
    if request.method == "POST" and form.is_valid():
        try:
            onward = (_taken if form.cleaned_data["code"] else _charged)(request, shop, form)
        except (TidReused, IdempotencyMismatch):
            form.add_error(None, _("This page charged another sale before. Charge again."))
        except Refused as refusal:
            show_refusal(form, refusal)
            closed = isinstance(refusal, TillOutOfService)
        else:
            if onward:
                return redirect(onward)
        form.data = {**form.data, **fresh_wish(store=store.reference)}
    if request.method == "POST":
        form.data = {**form.data, "code": _to_mend(form)}
    context = _keypad(shop, stores, store, form) | {
        "may_reopen": closed and _may(request, Right.EDIT_SHOP)
    }
    return render(request, "settlement/till.html", context)


def _may(request: HttpRequest, right: Right) -> bool:
    return may(membership=cast("SignedInRequest", request).membership, right=right)


def _charged(request: HttpRequest, shop: Merchant, form: ChargeForm) -> str:
    """Charge by a T-ID, and return the address of the sale."""
    told = form.cleaned_data
    sale = tills.ring_up(
        merchant=shop,
        store=told["store"],
        wish=_wish(shop, form),
        actor=actor_of(request),
        at=timezone.now(),
    )
    return reverse("till-sale", args=[shop.reference, sale.tid])


def _taken(request: HttpRequest, shop: Merchant, form: ChargeForm) -> str:
    """Take the customer's code, and return the address of the purchase; "" if it was refused."""
    told = form.cleaned_data
    taken = till_codes.take(
        merchant=shop,
        store=told["store"],
        wish=_wish(shop, form),
        code=told["code"],
        actor=actor_of(request),
        at=timezone.now(),
    )
    if taken.refusal:
        why = code_words.refusal(code=taken.refusal, wait_s=taken.wait_s)
        form.add_error("code", ValidationError(why, code=taken.refusal))
        return ""
    return reverse("till-code", args=[shop.reference, taken.checkout])


def _wish(shop: Merchant, form: ChargeForm) -> Wish:
    told = form.cleaned_data
    return Wish(told["key"], told["amount"], shop.currency, told["order"])


def _to_mend(form: ChargeForm) -> str:
    """Return the typed code where a digit of it is wrong; any other is not shown again."""
    return form.data["code"] if form.has_error("code", "number_malformed") else ""


def _keypad(shop: Merchant, stores: list[Store], store: Store, form: ChargeForm) -> dict[str, Any]:
    digits = money.exponent(shop.currency)
    return {
        "merchant": shop,
        "store": store,
        "stores": [Tab(f"?store={s.reference}", s.name, s == store) for s in stores],
        "form": form,
        "digits": digits,
        "keys": [*"123456789", "00" if digits == 0 else ".", "0"],
        "recent": recent(store.reference),
    }


@right_required(Right.TAKE_PAYMENTS)
@require_safe
def till_sale(request: HttpRequest, merchant: str, tid: str) -> HttpResponse:
    """Show a sale as it stands; till.js keeps the page up to date."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    sale = tills.seen(merchant=shop, tid=tid, at=timezone.now())
    return render(request, "settlement/till_sale.html", _sale(request, shop, sale))


@right_required(Right.TAKE_PAYMENTS)
@require_safe
def till_state(request: HttpRequest, merchant: str, tid: str) -> HttpResponse:
    """Answer the sale's stage alone, as the page draws it."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    sale = tills.seen(merchant=shop, tid=tid, at=timezone.now())
    return stage_alone(request, "settlement/till_sale.html", _sale(request, shop, sale))


def stage_alone(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Answer the stage of a till's page without its frame, whose queries no poll is to ask."""
    drawn = render_to_string(f"{template}#stage", context | {"csrf_token": get_token(request)})
    return HttpResponse(drawn, headers={"Cache-Control": "no-store"})


@right_required(Right.TAKE_PAYMENTS)
@require_POST
def till_cancel(request: HttpRequest, merchant: str, tid: str) -> HttpResponse:
    """Cancel a sale; one that was paid meanwhile is reversed, as a terminal's cancel does."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    try:
        tills.cancel(merchant=shop, tid=tid, actor=actor_of(request), at=timezone.now())
    except NotFound:
        raise
    except Refused as refusal:
        messages.error(request, refusal.detail)
    return redirect("till-sale", merchant=shop.reference, tid=tid)


@right_required(Right.TAKE_PAYMENTS)
@require_POST
def till_give(request: HttpRequest, merchant: str, tid: str) -> HttpResponse:
    """Take the sale back from the phone that has it open, for another phone to pay."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    try:
        tills.give_to_another(merchant=shop, tid=tid, at=timezone.now())
    except NotFound:
        raise
    except PaymentFinal:
        messages.info(request, _("It had ended before; see below."))
    except Refused as refusal:
        messages.error(request, refusal.detail)
    return redirect("till-sale", merchant=shop.reference, tid=tid)


@right_required(Right.TAKE_PAYMENTS, Right.EDIT_SHOP)
@require_POST
def till_reopen(request: HttpRequest, merchant: str) -> HttpResponse:
    """Open a new till where the store's was revoked."""
    shop = merchant_for(request, merchant, Right.EDIT_SHOP)
    store = request.POST.get("store", "")
    numbers.reopen(merchant=shop, store=store, actor=actor_of(request), at=timezone.now())
    messages.success(request, _("A new till is open."))
    return redirect(f"{request.path.removesuffix('/reopen')}?store={store}")


def _sale(request: HttpRequest, shop: Merchant, sale: Request) -> dict[str, Any]:
    stage, now = stage_of(sale), timezone.now()
    assert sale.expires_at is not None, "a till's sale is a request"
    lines = purchase_lines.of(document=sale.reference) if stage.is_paid else []
    rest_minor = sale.amount_minor - sum(line.amount_minor for line in lines)
    return {
        "merchant": shop,
        "sale": sale,
        "stage": stage,
        "picture": qr.picture(f"{QR_PREFIX}{sale.tid}") if sale.state == "REQUESTED" else "",
        "key": fresh_key(),
        "amount": words.amount(sale.amount_minor, sale.currency),
        "lines": lines,
        "rest_minor": rest_minor,
        "rest_word": purchase_lines.rest_word(tender=purchase_lines.by_phone(rest_minor)),
        "typed": money.text(sale.amount_minor, sale.currency),
        "recent": recent(sale.shop.store),
        "socket": f"{settings.SOCKETS_ORIGIN}/ws/v1/merchant/payments?merchant={shop.reference}",
        "now": now,
        "left": max(0, int((sale.expires_at - now).total_seconds())),
        "whole": max(1, int((sale.expires_at - sale.created_at).total_seconds())),
        "time_zone": getattr(request, "time_zone", ""),
    }


def recent(store: str) -> list[tuple[Any, words.Look]]:
    """Return the last sales of the store's till, each with its look."""
    return [(row, words.payment_look(row)) for row in last_sales(store=store, limit=LAST)]
