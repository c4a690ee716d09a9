"""What was approved is looked at once more when a machine has the number (mission §5)."""

from datetime import datetime

from config import pipeline
from config.models import Device
from config.refusals import Refused
from issuers.services import authorise as issuer
from issuers.services import preapproval_policies
from settlement.models import Preapproval
from settlement.services.preapprovals import limits
from settlement.services.preapprovals.ending import end
from settlement.services.redemptions import refusals

State, Ending = Preapproval.State, Preapproval.Ending


def stopped(preapproval: Preapproval, *, amount_minor: int, at: datetime) -> Refused | None:
    """Look at card, account, phone and limits once more; what stops it ends the number."""
    ending = _ending(preapproval, amount_minor, at)
    if ending is None:
        return None
    end(preapproval, to=State.CANCELLED, kind="cancelled", at=at, ending=ending)
    return refusals.OF_ENDING[ending]()


def _ending(preapproval: Preapproval, amount_minor: int, at: datetime) -> str | None:
    card = preapproval.card
    held = issuer.asked(
        pipeline.run(
            *issuer.questions(token=bytes(card.token), phone_id=preapproval.device_id, at=at)
        )
    )
    assert held is not None, "a card's row stays"
    if held.standing.blocked:
        return Ending.CARD_BLOCKED
    if not held.standing.open:
        return Ending.ACCOUNT_CLOSED
    if preapproval.device.state != Device.State.ACTIVE:
        return Ending.DEVICE_REVOKED
    cap_minor = held.standing.cap_minor
    terms = preapproval_policies.terms_of(programme=card.programme)
    lowered = cap_minor is not None and amount_minor > cap_minor
    if lowered or limits.refuses_standing(preapproval=preapproval, terms=terms):
        return Ending.LIMIT_EXCEEDED
    return None
