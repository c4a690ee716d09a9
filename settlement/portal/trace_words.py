"""What the steps beside a payment are called: acts of staff, ends of checkouts, benefits."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from benefits.rules.vocabulary import Kind
from settlement.models import Checkout

ACTS: Final[Mapping[str, str | Promise]] = {
    "payment.refund": _("Refund asked for"),
    "payment.reverse": _("Reversal asked for"),
}
ALARMS: Final[Mapping[str, str | Promise]] = {"bill_altered": _("A phone brought an altered bill")}
ACTORS: Final[Mapping[str, str | Promise]] = {
    "USER": _("staff"),
    "KEY": _("the shop's server"),
    "DEVICE": _("device"),
    "COMMAND": _("command"),
    "SYSTEM": _("rule"),
}
CHECKOUTS: Final[Mapping[str, str | Promise]] = {
    Checkout.State.PAID.value: _("The checkout is paid"),
    Checkout.State.DECLINED.value: _("The checkout was declined"),
    Checkout.State.ABANDONED.value: _("The till gave the checkout up"),
    Checkout.State.EXPIRED.value: _("The checkout's time was over"),
    Checkout.State.REVERSED.value: _("The checkout is reversed"),
}
TENDERS: Final[Mapping[str, str | Promise]] = {
    "CASH": _("Paid in cash"),
    "CARD": _("Paid by card at the till"),
    "PSN": _("Paid by phone"),
}
BENEFITS: Final[Mapping[str, str | Promise]] = {
    Kind.COUPON_ITEM.value: _("Coupon for articles"),
    Kind.COUPON_PERCENT.value: _("Percentage coupon"),
    Kind.COUPON_FIXED.value: _("Coupon of an amount"),
    Kind.GRADE.value: _("Membership grade"),
    Kind.CARD_DISCOUNT.value: _("Card discount"),
    Kind.STAMP.value: _("Stamp reward"),
    Kind.POINTS.value: _("Points"),
    Kind.GIFT_CARD.value: _("Gift card"),
    Kind.CASH_RECEIPT.value: _("Cash receipt"),
}
