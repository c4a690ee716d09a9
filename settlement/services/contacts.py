"""A phone's contact with the portal, where it concerns money (mission §1, recovery)."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from config.models import Device
from issuers.models import Credential, Debt
from issuers.services.commands import Outgoing
from settlement.services import debts
from wallets.services import commands


def pull(*, device: Device, after: int, at: datetime) -> list[Outgoing]:
    """Collect what the phone's accounts owe, then return what waits for it above ``after``.

    So the unblock that follows from a debt just collected is among the commands of this answer.
    """
    owes = Exists(Debt.objects.filter(account=OuterRef("card__account"), closed_at=None))
    carried = Credential.objects.filter(device=device, state=Credential.State.ACTIVE)
    cards = list(carried.values_list("card__account", "posted_since", owes))
    owing = {account for account, _posted_since, is_owing in cards if is_owing}
    debts.collect(account_ids=owing, at=at)
    is_posted = any(posted_since for _account, posted_since, _is_owing in cards)
    return commands.pull(device=device, after=after, at=at, is_posted=is_posted)
