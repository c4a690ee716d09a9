"""Pre-approvals, redemptions and stock: what staff may see, and how phones and machines are told.

Issuer staff see the pre-approvals of their cards and their redemptions wherever they were taken,
merchant staff what was redeemed at their machines and their own stock. No live number stands in any
of it: the database has none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from config.models import Device, Event, User
from config.people.access import tenants_with
from config.roles import Right
from settlement.models import Preapproval, Redemption, RedemptionTry, StockItem
from settlement.rules import told

PAGE: Final = 50


def preapprovals_visible_to(user: User, right: Right = Right.SEE_CARDS) -> QuerySet[Preapproval]:
    """Return the pre-approvals on cards of the issuers at which ``user`` has ``right``."""
    tenants = tenants_with(user=user, right=right)
    rows = Preapproval.objects.select_related(
        "customer", "device", "card__issuer", "card__programme", "bound_merchant", "bound_terminal"
    )
    if tenants.everything:
        return rows
    return rows.filter(card__issuer__reference__in=tenants.references)


def redemptions_visible_to(user: User, right: Right = Right.SEE_PAYMENTS) -> QuerySet[Redemption]:
    """Return what was redeemed at the machines, or on the cards, of whom ``user`` works for."""
    tenants = tenants_with(user=user, right=right)
    rows = Redemption.objects.select_related(
        "preapproval__card__issuer", "merchant", "store", "device", "payment", "item"
    )
    if tenants.everything:
        return rows
    return rows.filter(
        Q(merchant__reference__in=tenants.references)
        | Q(preapproval__card__issuer__reference__in=tenants.references)
    )


def suspense_visible_to(
    user: User, right: Right = Right.RESOLVE_EXCEPTIONS
) -> QuerySet[Redemption]:
    """Return the redemptions of their issuers' cards that wait for the desk, oldest first."""
    tenants = tenants_with(user=user, right=right)
    rows = Redemption.objects.filter(state=Redemption.State.SUSPENSE).select_related(
        "preapproval__card__issuer", "preapproval__customer", "merchant", "store", "device"
    )
    if not tenants.everything:
        rows = rows.filter(preapproval__card__issuer__reference__in=tenants.references)
    return rows.order_by("suspended_at", "pk")


def stock_visible_to(user: User, right: Right = Right.SEE_PAYMENTS) -> QuerySet[StockItem]:
    """Return the stock of the merchants at which ``user`` has ``right``."""
    tenants = tenants_with(user=user, right=right)
    rows = StockItem.objects.select_related("merchant", "redemption")
    return rows if tenants.everything else rows.filter(merchant__reference__in=tenants.references)


def tries_of(preapproval: Preapproval) -> QuerySet[RedemptionTry]:
    """Return the bad tries of a number, newest first, each with its machine."""
    return (
        RedemptionTry.objects.filter(preapproval=preapproval)
        .select_related("device")
        .order_by("-pk")
    )


def events_of(preapproval: Preapproval) -> QuerySet[Event]:
    """Return all that happened to a pre-approval, in the order of time."""
    return Event.objects.filter(subject=preapproval.reference).order_by("at", "pk")


class OwnPage(NamedTuple):
    """Some of a customer's pre-approvals, newest first; ``next``: "" at the end."""

    rows: Sequence[dict[str, Any]]
    next: str


def of_customer(*, device: Device, after: str, at: datetime) -> OwnPage:
    """Return the pre-approvals of the phone's customer that are older than the one named ``after``.

    ``after``: "" for the newest; an unknown one, or another customer's, begins anew.
    """
    rows = Preapproval.objects.filter(customer__reference=device.owner).select_related(
        "card", "bound_merchant", "bound_terminal"
    )
    last = rows.filter(reference=after).values_list("pk", flat=True).first() if after else None
    older = rows.filter(pk__lt=last) if last else rows
    found = list(older.order_by("-pk")[: PAGE + 1])
    page = found[:PAGE]
    more = page[-1].reference if len(found) > PAGE else ""
    return OwnPage([to_phone(row, at=at) for row in page], more)


def new_to_phone(made: Preapproval, *, number: str, at: datetime) -> dict[str, Any]:
    """Return a new pre-approval as its phone is told it, with its number, this once; "" for none
    where it was declined."""
    shown = to_phone(made, at=at)
    return shown | {"number": number, "code": f"A1.{number}"} if number else shown


def to_phone(preapproval: Preapproval, *, at: datetime) -> dict[str, Any]:
    """Return a pre-approval as its customer's phones are told it; amounts in minor units."""
    is_over = preapproval.is_over(at=at)  # the schedule gives back what it holds within a second
    of_some = {
        "decline_reason": preapproval.decline_reason,
        "ending": preapproval.ending,
        "dispensed": preapproval.dispensed_minor,
        "bound_to": _bound(preapproval),
    }
    return {
        "preapproval": preapproval.reference,
        "kind": preapproval.kind,
        "state": Preapproval.State.EXPIRED if is_over else preapproval.state,
        "card": preapproval.card.reference,
        "amount": preapproval.amount_minor,
        "currency": preapproval.currency,
        "partial": preapproval.partial,
        "pickup_code_needed": preapproval.pickup_hash is not None,
        "made_at": told.time(preapproval.made_at),
        "valid_until": told.time(preapproval.valid_until),
        **{name: value for name, value in of_some.items() if value},
    }


def _bound(preapproval: Preapproval) -> dict[str, str]:
    merchant, terminal = preapproval.bound_merchant, preapproval.bound_terminal
    parts = {
        "kind": preapproval.bound_kind,
        "merchant": merchant.reference if merchant else "",
        "terminal": terminal.reference if terminal else "",
    }
    return {name: value for name, value in parts.items() if value}


def to_machine(redemption: Redemption) -> dict[str, Any]:
    """Return a redemption as its machine is told it; amounts in minor units."""
    shown = {
        "redemption": redemption.reference,
        "state": redemption.state,
        "kind": redemption.kind,
        "amount": redemption.amount_minor,
        "currency": redemption.currency,
    }
    if redemption.item_serial:
        shown["item_serial"] = redemption.item_serial
    if redemption.state != Redemption.State.IN_PROGRESS:
        shown["dispensed"] = redemption.dispensed_minor
    return shown
