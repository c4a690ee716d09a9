"""What pre-approvals leave in the history: one event per change, in the customer's own stream.

The customer's phones hear of each through their sockets, whoever moved it; numbers and codes never
stand in one.
"""

from datetime import datetime
from typing import Any

from config import events
from settlement.models import Preapproval, Redemption
from settlement.rules import told


def tell(*, preapproval: Preapproval, kind: str, at: datetime, **more: Any) -> None:
    """Append ``preapproval.<kind>``; ``more`` stands beside the pre-approval in its body."""
    events.write(
        scope=preapproval.customer.reference,
        kind=f"preapproval.{kind}",
        subject=preapproval.reference,
        at=at,
        body={"preapproval": as_told(preapproval), **more},
    )


def as_told(preapproval: Preapproval) -> dict[str, Any]:
    """Return a pre-approval as its events tell it; amounts in minor units."""
    of_some = {
        "decline_reason": preapproval.decline_reason,
        "ending": preapproval.ending,
        "dispensed": preapproval.dispensed_minor,
    }
    return {
        "id": preapproval.reference,
        "kind": preapproval.kind,
        "state": preapproval.state,
        "amount": preapproval.amount_minor,
        "currency": preapproval.currency,
        "card": preapproval.card.last4,
        "made_at": told.time(preapproval.made_at),
        "valid_until": told.time(preapproval.valid_until),
        **{name: value for name, value in of_some.items() if value},
    }


def at_machine(redemption: Redemption) -> dict[str, Any]:
    """Return the redemption as it stands beside its pre-approval in an event."""
    of_some = {"outcome": redemption.outcome, "item_serial": redemption.item_serial}
    return {
        "redemption": {
            "id": redemption.reference,
            "state": redemption.state,
            "amount": redemption.amount_minor,
            "dispensed": redemption.dispensed_minor,
            "merchant": redemption.merchant.reference,
            "store": redemption.store.reference,
            "device": redemption.device.reference,
            **{name: value for name, value in of_some.items() if value},
        }
    }
