"""A phone's contact with the portal, where it concerns money (mission §1, recovery)."""

from datetime import datetime

from config.models import Device
from issuers.models import Credential, Debt
from issuers.services.commands import Outgoing
from settlement.services import debts
from wallets.services import commands


def pull(*, device: Device, after: int, at: datetime) -> list[Outgoing]:
    """Collect what the phone's accounts owe, then return what waits for it above ``after``.

    So the unblock that follows from a debt just collected is among the commands of this answer.
    """
    carried = Credential.objects.filter(device=device, state=Credential.State.ACTIVE)
    owing = Debt.objects.filter(
        closed_at=None, account__cards__in=carried.values("card")
    ).values_list("account", flat=True)
    debts.collect(account_ids=set(owing), at=at)
    return commands.pull(device=device, after=after, at=at)
