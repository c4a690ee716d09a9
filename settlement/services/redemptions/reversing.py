"""A machine takes a request back whose answer it never heard (reliability B5)."""

from datetime import datetime

from django.db import transaction

from benefits.services import lookups
from config import repetitions
from config.models import Device
from config.repetitions import Call
from settlement.models import Redemption, ReversedRequest
from settlement.rules.redeeming import Report
from settlement.services.redemptions.beginning import hashed_key
from settlement.services.redemptions.completing import settle
from settlement.services.redemptions.finding import locked_of_machine
from settlement.services.redemptions.refusals import RedemptionFinal

State = Redemption.State


@transaction.atomic
def reverse_request(*, device: Device, key: str, at: datetime) -> Redemption | None:
    """
    Take back what the machine asked for under idempotency key ``key``; again, the same answer.

    It paid nothing out, for it never heard that it may. Where the request has not arrived yet, a
    tombstone keeps it from ever counting: None. Locks the machine's look-ups first, so a request
    and its reversal that come at once see each other.

    :raises RedemptionFinal: the machine has reported that it paid out, or that it does not know:
        then the desk decides, or a report that says more
    """
    lookups.one_at_a_time(device=device)
    hashed = hashed_key(key)
    names = Redemption.objects.filter(device=device, request_key=hashed)
    name = names.values_list("reference", flat=True).first()
    if name is None:
        ReversedRequest.objects.get_or_create(
            device=device, request_key=hashed, defaults={"at": at}
        )
        return None
    redemption = locked_of_machine(device=device, reference=name)
    unclear = redemption.outcome == Redemption.Outcome.UNKNOWN
    if redemption.state == State.COMPLETED or (unclear and redemption.state == State.SUSPENSE):
        raise RedemptionFinal(state=redemption.state)
    if redemption.state == State.REVERSED:
        repetitions.note(subject=name, call=Call.REVERSE, device=device.reference, at=at)
        return redemption
    return settle(redemption, report=Report("NONE"), dispensed_minor=0, at=at)
