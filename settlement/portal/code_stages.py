"""What a till's stage says of a purchase by a customer's code: one state fills it."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settlement.models import Checkout
from settlement.portal import words
from settlement.portal.stages import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStage(Shown):
    """How a checkout stands at the till."""

    checkout: Checkout

    @property
    def is_paid(self) -> bool:
        return self.checkout.state == Checkout.State.PAID

    @property
    def is_quoted(self) -> bool:
        return self.checkout.state == Checkout.State.QUOTED

    @property
    def is_asking(self) -> bool:
        return self.checkout.state == Checkout.State.CONSENT_REQUIRED

    @property
    def is_checking(self) -> bool:
        return self.checkout.state == Checkout.State.APPROVING

    @property
    def is_open(self) -> bool:
        return self.is_quoted or self.is_asking

    @property
    def shown_minor(self) -> int:
        """Return the amount in large: what is left to pay, of a purchase that ended all of it."""
        one = self.checkout
        return one.remainder_minor if self.is_open or self.is_checking else one.amount_minor

    @property
    def aloud(self) -> str:
        """Return what a screen reader says when the stage turns into this one."""
        amount = words.amount(self.shown_minor, self.checkout.currency)
        return ". ".join(part for part in (str(self.lead), amount, str(self.says)) if part)


_LOOKS: Final[dict[str, tuple[str, str, str, str | Promise, str | Promise]]] = {
    "QUOTED": ("", "info", "", gettext_lazy("Left to pay"), ""),
    "CONSENT_REQUIRED": (
        "",
        "info",
        "device",
        gettext_lazy("The customer's phone is asked"),
        gettext_lazy(
            "This is more than the code may pay by itself, or another shop's. The phone shows it "
            "and asks its holder for the PIN."
        ),
    ),
    "APPROVING": (
        "till-check",
        "info",
        "info",
        gettext_lazy("Checking. Do not charge again"),
        gettext_lazy("The card company is being asked. This page turns as soon as it answers."),
    ),
    "PAID": ("till-paid", "ok", "ok", gettext_lazy("PAID"), ""),
    "DECLINED": ("", "bad", "bad", gettext_lazy("Declined"), ""),
    "ABANDONED": (
        "",
        "neutral",
        "neutral",
        gettext_lazy("Abandoned"),
        gettext_lazy("Nothing was taken. The customer's benefits are free again."),
    ),
    "EXPIRED": (
        "",
        "neutral",
        "neutral",
        gettext_lazy("Expired"),
        gettext_lazy("Nobody finished it in time. The customer's benefits are free again."),
    ),
    "REVERSED": (
        "",
        "neutral",
        "neutral",
        gettext_lazy("Taken back"),
        gettext_lazy("It had been paid; money and benefits went back to the customer."),
    ),
}
_PAID: Final = {
    Checkout.Tender.CASH: gettext_lazy("The rest was paid in cash."),
    Checkout.Tender.CARD: gettext_lazy("The rest was paid by card at the till."),
    Checkout.Tender.PSN: gettext_lazy("The rest was paid by phone."),
    Checkout.Tender.NONE: gettext_lazy("Benefits paid all of it."),
}


def stage_of(checkout: Checkout) -> CodeStage:
    """Return how ``checkout`` is shown."""
    css, tone, icon, lead, says = _LOOKS[checkout.state]
    if checkout.state == Checkout.State.DECLINED:
        says = _(
            "%(why)s The benefits are free again, and the code's first 16 digits still bring them."
        ) % {"why": words.decline_of(checkout.decline_reason)}
    if checkout.state == Checkout.State.PAID:
        says = _PAID[Checkout.Tender(checkout.tender)]
    return CodeStage(
        checkout=checkout,
        css=css,
        tone=tone,
        icon=icon,
        lead=lead,
        says=says,
        version=checkout.state,
    )
