"""Checkouts as tills and phones are told of them (protocol §6)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from config.models import Device
from settlement.models import Checkout
from settlement.rules import told
from settlement.selectors import benefit_lines


def as_told(checkout: Checkout, *, lines: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a checkout as its terminal is told of it; ``remainder`` in minor units.

    ``lines``: what benefits pay, as :mod:`benefit_lines` tells it, where it is at hand.
    """
    payment = checkout.payment
    of_some = {
        "approval_code": "" if payment is None else payment.approval_code,
        "decline_reason": checkout.decline_reason,
        "tender": checkout.tender,
    }
    return {
        "checkout": checkout.reference,
        "state": checkout.state,
        "amount": checkout.amount_minor,
        "currency": checkout.currency,
        "lines": _lines(checkout) if lines is None else lines,
        "skipped": checkout.skipped,
        "remainder": checkout.remainder_minor,
        "expires_at": told.time(checkout.expires_at),
        **{name: value for name, value in of_some.items() if value},
    }


def waiting_for(*, device: Device, at: datetime) -> list[dict[str, Any]]:
    """Return the checkouts that wait for this phone's consent, oldest first, as it shows them."""
    rows = Checkout.objects.filter(
        plan__device=device, state=Checkout.State.CONSENT_REQUIRED, expires_at__gt=at
    ).select_related("merchant")
    found = list(rows.order_by("pk"))
    lines = benefit_lines.of(documents=[row.reference for row in found])
    return [
        {
            "checkout": row.reference,
            "merchant": {"id": row.merchant.reference, "name": row.merchant.name},
            "amount": row.amount_minor,
            "currency": row.currency,
            "lines": lines.get(row.reference, []),
            "remainder": row.remainder_minor,
            "expires_at": told.time(row.expires_at),
        }
        for row in found
    ]


def _lines(checkout: Checkout) -> list[dict[str, Any]]:
    """Return what benefits pay; of one that ended unpaid, nothing."""
    return benefit_lines.of_one(document=checkout.reference)
