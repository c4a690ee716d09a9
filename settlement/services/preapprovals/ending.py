"""A number that no machine has taken comes to its end: by its customer, its issuer, or time."""

from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from config import audit
from config.audit import Actor
from config.looks import Look
from config.models import Device
from config.refusals import NotFound
from config.sweeps import Sweep
from issuers.services import accounts
from settlement.models import Preapproval
from settlement.services.preapprovals import telling
from settlement.services.preapprovals.refusals import (
    PreapprovalFinal,
    PreapprovalInProgress,
    WordsMissing,
)

State, Ending = Preapproval.State, Preapproval.Ending


def cancel(*, device: Device, reference: str, at: datetime) -> Preapproval:
    """
    Take a pre-approval of the phone's customer back while no machine has it; again, the same.

    :raises NotFound: no such pre-approval of this customer
    :raises PreapprovalInProgress: a machine has it, or nobody knows what it paid out
    :raises PreapprovalFinal: it ended otherwise
    """
    rows = locked().filter(customer__reference=device.owner, reference=reference)
    found = _cancelled(rows, at, ending=Ending.CUSTOMER)
    if found.state != State.CANCELLED or found.ending != Ending.CUSTOMER:
        raise PreapprovalFinal(state=found.state)
    return found


@transaction.atomic
def cancel_by_issuer(*, reference: str, reason: str, actor: Actor, at: datetime) -> Preapproval:
    """
    Take a pre-approval back for its issuer, who says why. The caller has looked at the rights.

    :raises NotFound: there is none
    :raises WordsMissing: ``reason`` says nothing
    :raises PreapprovalInProgress, PreapprovalFinal: as :func:`cancel`
    """
    words = reason.strip()
    if not words:
        raise WordsMissing
    rows = locked().filter(reference=reference)
    ended = _cancelled(rows, at, ending=Ending.ISSUER, ending_words=words)
    if ended.ended_at != at or ended.state != State.CANCELLED:
        raise PreapprovalFinal(state=ended.state)
    audit.record(
        actor=actor,
        action="preapproval.cancel",
        subject_kind="preapproval",
        subject=reference,
        tenant=ended.card.issuer.reference,
        reason=words,
        at=at,
        before={"state": State.APPROVED},
        after={"state": ended.state},
    )
    return ended


def expire_due(*, at: datetime, limit: int) -> int:
    """End up to ``limit`` numbers whose time is up, each by itself; return how many."""
    return SWEEP.run(names=[name for (name,) in _DUE.at(at, limit=limit)], at=at)


def _due(at: datetime) -> QuerySet[Any, Any]:
    approved = Preapproval.objects.filter(~SWEEP.stuck("reference"), state=State.APPROVED)
    return approved.filter(valid_until__lte=at).order_by("valid_until").values_list("reference")


_DUE: Final = Look(_due)


def locked() -> QuerySet[Preapproval]:
    """Return pre-approvals to be locked: the business document of all that happens to one."""
    rows = Preapproval.objects.select_related(
        "customer", "device", "card__issuer", "card__programme", "card__account"
    )
    return rows.select_for_update(no_key=True, of=("self",))


def expired(preapproval: Preapproval, *, at: datetime) -> bool:
    """Return whether the time of a locked one is up, in which case it has ended now."""
    if not preapproval.is_over(at=at):
        return False
    end(preapproval, to=State.EXPIRED, kind="expired", at=at)
    return True


def end(preapproval: Preapproval, *, to: str, kind: str, at: datetime, **columns: Any) -> None:
    """End a locked pre-approval of which nothing was paid out: what it holds goes back."""
    accounts.release(document=preapproval.reference, at=at)
    preapproval.transition(to, ended_at=at, **columns)
    telling.tell(preapproval=preapproval, kind=kind, at=at)


@transaction.atomic
def _expire(*, reference: str, at: datetime) -> bool:
    return expired(locked().get(reference=reference), at=at)


@transaction.atomic
def _cancelled(rows: QuerySet[Preapproval], at: datetime, **why: str) -> Preapproval:
    """
    Cancel one if its number is still good; return it as it stands then.

    :raises NotFound: there is none
    :raises PreapprovalInProgress: a machine has it, or nobody knows what it paid out
    """
    found = rows.first()
    if found is None:
        raise NotFound
    if not expired(found, at=at) and found.state == State.APPROVED:
        end(found, to=State.CANCELLED, kind="cancelled", at=at, **why)
    if found.state in Preapproval.LIVE:
        raise PreapprovalInProgress
    return found


def _issuer(reference: str) -> str:
    issuers = Preapproval.objects.values_list("card__issuer__reference", flat=True)
    return issuers.get(reference=reference)


SWEEP: Final = Sweep(
    kind="preapproval_not_ended",
    told="The pre-approval {name} is over, and the portal fails to end it.",
    end=lambda name, at: _expire(reference=name, at=at),
    tenant=_issuer,
)
