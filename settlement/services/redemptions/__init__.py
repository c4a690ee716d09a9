"""Redemptions: a machine takes an approval number, pays out and says what it did (protocol §7).

Locks: the terminal's look-ups (one at a time), the pre-approval, its redemption with what the desk
says of it, the items of stock by id, the serial that is paid out; then as everywhere (card,
account, transfers, event).
"""

from settlement.services.redemptions.beginning import Asked, begin
from settlement.services.redemptions.completing import complete, seen_by_terminal
from settlement.services.redemptions.deciding import agree, agree_proved, propose, refuse
from settlement.services.redemptions.reversing import reverse_request
from settlement.services.redemptions.suspense import suspend_overdue

__all__ = [
    "Asked",
    "agree",
    "agree_proved",
    "begin",
    "complete",
    "propose",
    "refuse",
    "reverse_request",
    "seen_by_terminal",
    "suspend_overdue",
]
