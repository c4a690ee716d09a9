"""Bad tries of a number: counted for the number, not for the terminal's look-ups (protocol §7)."""

from datetime import datetime
from typing import Final

from config.models import Alert, Device
from config.refusals import Refused
from settlement.models import Preapproval, RedemptionTry
from settlement.rules.redeeming import (
    TRIES_AT_TERMINAL,
    TRIES_IN_ALL,
    WRONG_TERMINALS_ALARM,
    BadTry,
)
from settlement.services.preapprovals import telling
from settlement.services.preapprovals.ending import end
from settlement.services.redemptions.refusals import OF_TRY

ALERT: Final = "preapproval_wrong_terminals"


def unknown_to(*, device: Device, preapproval: Preapproval) -> bool:
    """Return whether bad tries have made a number unknown to this terminal."""
    here = RedemptionTry.objects.filter(preapproval=preapproval, device=device)
    return here.count() >= TRIES_AT_TERMINAL


def count(*, device: Device, preapproval: Preapproval, bad: BadTry, at: datetime) -> Refused:
    """Count a bad try of a locked number, whose holder is told, and return its refusal.

    The tenth in all cancels the number, the third at a wrong machine raises an alarm.
    """
    RedemptionTry.objects.create(preapproval=preapproval, device=device, reason=bad.value, at=at)
    tries = list(RedemptionTry.objects.filter(preapproval=preapproval).values_list("reason"))
    telling.tell(preapproval=preapproval, kind="tried", at=at, reason=bad.value)
    if tries.count((BadTry.TERMINAL.value,)) >= WRONG_TERMINALS_ALARM:
        _alarm(preapproval, at)
    if len(tries) >= TRIES_IN_ALL:
        ending = Preapproval.Ending.TRIES
        end(preapproval, to=Preapproval.State.CANCELLED, kind="cancelled", at=at, ending=ending)
    return OF_TRY[bad]()


def _alarm(preapproval: Preapproval, at: datetime) -> None:
    Alert.objects.get_or_create(
        kind=ALERT,
        subject=preapproval.reference,
        cleared_at=None,
        defaults={
            "tenant": preapproval.card.issuer.reference,
            "detail": "A number was presented three times where it does not work.",
            "raised_at": at,
        },
    )
