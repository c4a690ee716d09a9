"""What nobody knows the end of waits for the desk: who is silent for too long is parked there."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from config.looks import Look
from config.sweeps import Sweep
from settlement.models import Redemption
from settlement.rules.redeeming import Report
from settlement.services.redemptions.completing import suspend
from settlement.services.redemptions.finding import locked_named


def suspend_overdue(*, at: datetime, limit: int) -> int:
    """Put up to ``limit`` redemptions of silent machines into suspense; return how many.

    What is held stays held: only a report or the desk ends it (protocol §7).
    """
    latest = at - timedelta(seconds=settings.TTL_S["REDEMPTION"])
    return SWEEP.run(names=[name for (name,) in _BEGUN.at(latest, limit=limit)], at=at)


def _begun(latest: datetime) -> QuerySet[Any, Any]:
    going = Redemption.objects.filter(~SWEEP.stuck("reference"), state=Redemption.State.IN_PROGRESS)
    return going.filter(begun_at__lte=latest).order_by("begun_at").values_list("reference")


_BEGUN: Final = Look(_begun)


@transaction.atomic
def _suspend(*, reference: str, at: datetime) -> bool:
    redemption = locked_named(reference=reference)
    if not redemption.is_overdue(at=at):
        return False
    suspend(redemption, report=Report(""), at=at)
    return True


def _merchant(reference: str) -> str:
    merchants = Redemption.objects.values_list("merchant__reference", flat=True)
    return merchants.get(reference=reference)


SWEEP: Final = Sweep(
    kind="redemption_not_suspended",
    told="The machine of redemption {name} is silent, and the portal fails to suspend it.",
    end=lambda name, at: _suspend(reference=name, at=at),
    tenant=_merchant,
)
