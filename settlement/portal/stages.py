"""What a till's stage says of a sale: one state fills it, in a word, a sentence and a shape."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settlement.portal import words
from settlement.rules.requests import OPEN, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What any stage of a till shows. ``css``: what colours it; ``icon``: "" for none.

    ``version``: changes with whatever the stage shows.
    """

    css: str
    tone: str
    icon: str
    lead: str | Promise
    says: str | Promise
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Shown):
    """How a sale stands at the till; it has no icon where the code itself is shown."""

    sale: Request

    @property
    def is_paid(self) -> bool:
        return self.sale.state == "APPROVED"

    @property
    def is_open(self) -> bool:
        return self.sale.state in OPEN

    @property
    def is_claimed(self) -> bool:
        return self.sale.state == "CLAIMED"

    @property
    def is_checking(self) -> bool:
        return self.sale.state == "APPROVING"

    @property
    def aloud(self) -> str:
        """Return what a screen reader says when the stage turns into this one."""
        amount = words.amount(self.sale.amount_minor, self.sale.currency)
        code = _("approval %(code)s") % {"code": self.sale.approval_code} if self.is_paid else ""
        parts = (str(self.lead), amount, code, str(self.says))
        return ". ".join(part for part in parts if part)


_LOOKS: Final[dict[str, tuple[str, str, str, str | Promise, str | Promise]]] = {
    "REQUESTED": ("", "info", "", gettext_lazy("Waiting for the customer"), ""),
    "CLAIMED": (
        "",
        "info",
        "device",
        gettext_lazy("Opened by the customer"),
        gettext_lazy("A phone shows the amount. It asks its holder for the PIN now."),
    ),
    "APPROVING": (
        "till-check",
        "info",
        "info",
        gettext_lazy("Checking. Do not charge again"),
        gettext_lazy("The card company is being asked. This page turns as soon as it answers."),
    ),
    "APPROVED": ("till-paid", "ok", "ok", gettext_lazy("PAID"), ""),
    "DECLINED": ("", "bad", "bad", gettext_lazy("Declined"), ""),
    "CANCELLED": (
        "",
        "neutral",
        "neutral",
        gettext_lazy("Cancelled"),
        gettext_lazy("Nothing was taken from the customer."),
    ),
    "EXPIRED": (
        "",
        "neutral",
        "neutral",
        gettext_lazy("Expired"),
        gettext_lazy("Nobody paid in time. Nothing was taken from the customer."),
    ),
    "REVERSED": (
        "",
        "neutral",
        "neutral",
        gettext_lazy("Reversed"),
        gettext_lazy("It had been paid; the whole amount went back to the customer."),
    ),
}


def stage_of(sale: Request) -> Stage:
    """Return how ``sale`` is shown."""
    css, tone, icon, lead, says = _LOOKS[sale.state]
    if sale.state == "DECLINED":
        says = words.decline_of(sale.decline_reason)
    if sale.refunded_minor:
        amount = words.amount(sale.refunded_minor, sale.currency)
        says = _("%(amount)s of it was given back.") % {"amount": amount}
    claim = "" if sale.claim_expires_at is None else f"{sale.claim_expires_at.timestamp():.0f}"
    return Stage(
        sale=sale,
        css=css,
        tone=tone,
        icon=icon,
        lead=lead,
        says=says,
        version=f"{sale.state}.{claim}.{sale.refunded_minor}",
    )
