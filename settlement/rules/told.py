"""How payments and batches are told to the outside: in events, sockets, webhooks and the API."""

from datetime import datetime
from functools import lru_cache
from typing import Any


# A posting tells one time of itself thousands of times, and taps of the same few thousand seconds.
@lru_cache(maxsize=8192)
def time(at: datetime | None) -> str | None:
    """Return ``at`` as RFC 3339 in UTC with ``Z`` (protocol §1)."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def payment(
    *,
    reference: str,
    channel: str,
    state: str,
    amount_minor: int,
    currency: str,
    store: str,
    device: str,
    last4: str,
    approval_code: str,
    created_at: datetime,
    approved_at: datetime | None,
    tid: str = "",
    order: str = "",
    decline_reason: str = "",
    refunded_minor: int = 0,
) -> dict[str, Any]:
    """Return a payment as protocol §8 tells it; ``amount`` is in minor units of ``currency``.

    What does not apply to it is left out.
    """
    told = {
        "id": reference,
        "channel": channel,
        "state": state,
        "amount": amount_minor,
        "currency": currency,
        "store": store,
        "device": device,
        "card": last4,
        "approval_code": approval_code,
        "created_at": time(created_at),
        "approved_at": time(approved_at),
    }
    if tid or order or decline_reason or refunded_minor:  # none of a posting's thousands has any
        of_some = {
            "tid": tid,
            "order": order,
            "decline_reason": decline_reason,
            "refunded": refunded_minor,
        }
        told |= {name: value for name, value in of_some.items() if value}
    return told


def batch(
    *, reference: str, device: str, sequence: int, state: str, records: int, **more: Any
) -> dict[str, Any]:
    """Return a batch as its events tell it; ``more``: the refusal, or how many were rejected."""
    return {
        "id": reference,
        "device": device,
        "sequence": sequence,
        "state": state,
        "records": records,
        **more,
    }
