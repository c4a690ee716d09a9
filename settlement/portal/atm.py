"""The ATM in a browser: number, amount and code; then notes or a ticket, or what went wrong.

The portal plays the machine. A redemption lives under its reference in the address, so a page that
is loaded again, or opened twice, shows the same one.
"""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.people.access import SignedInRequest, actor_of, may, right_required
from config.portal.filters import Tab
from config.refusals import NotFound, Refused
from config.roles import Right
from merchants.models import Merchant, Store
from merchants.selectors.atms import serving, to_count
from merchants.services import atms as machines
from merchants.services.atms import AtmBusy, NoteMixImpossible
from settlement.models import Preapproval, Redemption
from settlement.portal import preapproval_words as words
from settlement.portal.forms import WishForm, fresh_wish, minor_of, show_refusal
from settlement.portal.places import merchant_for, store_asked
from settlement.portal.words import amount
from settlement.services import atms
from settlement.services.atms import Motion, Wish

_State = Redemption.State


class NumberForm(WishForm):
    """What a customer keys at the machine."""

    number = forms.CharField(
        label=gettext_lazy("Approval number"),
        help_text=gettext_lazy("12 digits, or what a scanner reads from the code."),
        max_length=128,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("What for"),
        widget=forms.RadioSelect,
        choices=[(kind.value, word) for kind, word in words.KINDS.items()],
        initial=Preapproval.Kind.CASH,
    )
    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        help_text=gettext_lazy("Empty: what was approved."),
        max_length=24,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "decimal"}),
    )
    pickup_code = forms.CharField(
        label=gettext_lazy("Pickup code"),
        help_text=gettext_lazy("The four digits the customer chose."),
        max_length=4,
        required=False,
        validators=[RegexValidator(r"\A[0-9]{4}\Z", gettext_lazy("It has four digits."))],
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def clean_amount(self) -> int | None:
        typed = self.cleaned_data["amount"].strip()
        return minor_of(typed, self.currency) if typed else None

    def wish(self) -> Wish:
        """Return what was keyed as the domain takes it."""
        told = self.cleaned_data
        return Wish(told["key"], told["number"], told["kind"], told["amount"], told["pickup_code"])


@right_required(Right.TAKE_PAYMENTS)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("number", "pickup_code")
def atm(request: HttpRequest, merchant: str) -> HttpResponse:
    """Show the machine's keys; a POST presents the number, and leads to its redemption's page."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    stores = list(shop.stores.filter(closed_at=None).order_by("id"))
    if not stores:
        return render(request, "settlement/atm_nowhere.html", {"merchant": shop})
    store = store_asked(request, stores)
    typed = request.POST.dict() or None
    form = NumberForm(typed, currency=shop.currency, initial=fresh_wish(store=store.reference))
    if request.method == "POST" and form.is_valid():
        answer = _presented(request, shop, store, form)
        if answer is not None:
            return answer
        # The number is not shown again: whoever comes next must not read it off the screen.
        form.data = {
            **form.data,
            **fresh_wish(store=store.reference),
            "number": "",
            "pickup_code": "",
        }
    context = {
        "merchant": shop,
        "store": store,
        "stores": [Tab(f"?store={s.reference}", s.name, s == store) for s in stores],
        "form": form,
        "serving": serving(merchant=shop, store=store.reference),
        "may_edit": _may(request, Right.EDIT_SHOP),
    }
    return render(request, "settlement/atm.html", context)


def _presented(
    request: HttpRequest, shop: Merchant, store: Store, form: NumberForm
) -> HttpResponse | None:
    """Present the number; None where it was refused, which the form tells."""
    try:
        begun = atms.begin(
            merchant=shop,
            store=store.reference,
            wish=form.wish(),
            actor=actor_of(request),
            at=timezone.now(),
        )
    except AtmBusy as busy:
        messages.warning(request, _("Somebody else is being served; see to that first."))
        return redirect("atm-redemption", merchant=shop.reference, reference=busy.redemption)
    except NoteMixImpossible as refusal:
        form.add_error("amount", _nearest(refusal, shop))
    except Refused as refusal:
        show_refusal(form, refusal)
    else:
        return redirect("atm-redemption", merchant=shop.reference, reference=begun.reference)
    return None


def _nearest(refusal: NoteMixImpossible, shop: Merchant) -> str:
    found = [amount(each, shop.currency) for each in refusal.nearest if each]
    if not found:
        return _("The machine has no notes left.")
    return _("The notes here do not pay that. Nearest: %(amounts)s.") % {
        "amounts": ", ".join(dict.fromkeys(found))
    }


@right_required(Right.TAKE_PAYMENTS)
@require_safe
def atm_redemption(request: HttpRequest, merchant: str, reference: str) -> HttpResponse:
    """Show a redemption as it stands: to be paid out, or what came out."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    held = atms.seen(merchant=shop, reference=reference)
    is_cash = held.kind == Preapproval.Kind.CASH
    context = {
        "merchant": shop,
        "held": held,
        "kind": words.KINDS[Preapproval.Kind(held.kind)],
        "look": words.redemption_look(held),
        "is_open": held.state == _State.IN_PROGRESS,
        "is_parked": held.state == _State.SUSPENSE,
        "is_paid": held.state == _State.COMPLETED,
        "is_part": held.dispensed_minor < held.amount_minor,
        "can_part": is_cash,
        "gave_number_back": held.journal == "note_mix",
        "store": held.store.reference,
    }
    return render(request, "settlement/atm_redemption.html", context)


@right_required(Right.TAKE_PAYMENTS)
@require_POST
def atm_move(request: HttpRequest, merchant: str, reference: str) -> HttpResponse:
    """Set notes or ticket in motion as the demo says they go."""
    shop = merchant_for(request, merchant, Right.TAKE_PAYMENTS)
    asked = request.POST.get("motion", "")
    try:
        motion = Motion(asked)
        atms.move(
            merchant=shop,
            reference=reference,
            motion=motion,
            actor=actor_of(request),
            at=timezone.now(),
        )
    except ValueError:
        raise NotFound from None
    except NotFound:
        raise
    except Refused as refusal:
        messages.error(request, refusal.detail)
    return redirect("atm-redemption", merchant=shop.reference, reference=reference)


class CountForm(forms.Form):
    """What somebody counted: a field for each denomination."""

    store = forms.CharField(max_length=32, widget=forms.HiddenInput)

    def __init__(self, *args: Any, held: Mapping[int, int], currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for note, number in sorted(held.items(), reverse=True):
            self.fields[f"note-{note}"] = forms.IntegerField(
                label=_("Notes of %(note)s") % {"note": amount(note, currency)},
                min_value=0,
                max_value=machines.NOTES_MOST,
                initial=number,
            )

    def notes(self) -> dict[int, int]:
        """Return the count: denomination in minor units -> how many."""
        told = self.cleaned_data
        return {
            int(name.removeprefix("note-")): number
            for name, number in told.items()
            if name.startswith("note-")
        }


@right_required(Right.EDIT_SHOP)
@require_http_methods(["GET", "POST"])
def atm_count(request: HttpRequest, merchant: str) -> HttpResponse:
    """Ask what is in the machine now, counted and filled in, and take it."""
    shop = merchant_for(request, merchant, Right.EDIT_SHOP)
    stores = list(shop.stores.filter(closed_at=None).order_by("id"))
    if not stores:
        raise NotFound
    store = store_asked(request, stores)
    held, in_doubt = to_count(merchant=shop, store=store.reference)
    form = CountForm(
        request.POST or None,
        held=held,
        currency=shop.currency,
        initial={"store": store.reference},
    )
    if request.method == "POST" and form.is_valid():
        try:
            machines.count(
                merchant=shop,
                store=store.reference,
                notes=form.notes(),
                actor=actor_of(request),
                at=timezone.now(),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The machine holds what you counted."))
            return redirect("atm-list", merchant=shop.reference)
    context = {"merchant": shop, "store": store, "in_doubt": in_doubt, "form": form}
    return render(request, "settlement/atm_count.html", context)


def _may(request: HttpRequest, right: Right) -> bool:
    return may(membership=cast("SignedInRequest", request).membership, right=right)
