"""A machine says what it paid out: exactly that posts, the rest is free again (protocol §7)."""

from datetime import datetime
from typing import Any

from django.db import transaction

from config import repetitions
from config.models import Device
from config.refusals import NotFound
from config.repetitions import Call
from issuers.services import accounts
from settlement.models import Preapproval, Redemption, SuspenseProposal
from settlement.rules.redeeming import Report
from settlement.services import stock
from settlement.services.preapprovals import telling
from settlement.services.preapprovals.ending import end
from settlement.services.preapprovals.numbers import taken_out
from settlement.services.redemptions import paying
from settlement.services.redemptions.finding import locked_of_machine
from settlement.services.redemptions.refusals import DispensedInvalid, RedemptionFinal

State = Redemption.State


@transaction.atomic
def complete(*, device: Device, reference: str, report: Report, at: datetime) -> Redemption:
    """
    Take the machine's report; the same again answers the same and posts nothing.

    FULL and PARTIAL post what was dispensed, NONE gives everything back (and the number, where the
    machine only lacked the notes and the number is still valid), UNKNOWN waits for the desk. A
    report that comes late, in suspense, is still taken.

    :raises NotFound: no such redemption of this machine
    :raises DispensedInvalid: outcome and amount contradict each other
    :raises RedemptionFinal: it has ended otherwise
    :raises ItemUnknown, ItemSold: it cannot have handed out that item
    """
    redemption = locked_of_machine(device=device, reference=reference)
    paid_minor = report.paid_minor(kind=redemption.kind, amount_minor=redemption.amount_minor)
    if paid_minor is None:
        raise DispensedInvalid
    if redemption.state not in Redemption.OPEN:
        if (redemption.outcome, redemption.dispensed_minor) != (report.outcome, paid_minor):
            raise RedemptionFinal(state=redemption.state)
        repetitions.note(subject=reference, call=Call.COMPLETE, device=device.reference, at=at)
        return redemption
    journal = taken_out(text=report.journal, preapproval=redemption.preapproval)
    report = report._replace(journal=journal)
    if report.outcome == Redemption.Outcome.UNKNOWN:
        return suspend(redemption, report=report, at=at)
    return settle(redemption, report=report, dispensed_minor=paid_minor, at=at)


def seen_by_terminal(*, device: Device, reference: str) -> Redemption:
    """Return a redemption as its own machine may see it.

    :raises NotFound: unknown, or another machine's
    """
    rows = Redemption.objects.select_related("preapproval", "item")
    found = rows.filter(device=device, reference=reference).first()
    if found is None:
        raise NotFound
    return found


def settle(
    redemption: Redemption, *, report: Report, dispensed_minor: int, at: datetime, **by: str
) -> Redemption:
    """End a locked redemption by what was paid out; ``by``: who at the desk agreed, and why."""
    _overtake(redemption, at)
    said: dict[str, Any] = {"outcome": report.outcome, "journal": report.journal, **by}
    if not dispensed_minor:
        stock.give_back(redemption)
        redemption.transition(State.REVERSED, item_serial="", ended_at=at, **said)
        # The desk is told that the hold is released, whatever word the machine's journal had.
        _nothing_paid(redemption, at, gives_back=report.gives_number_back and not by)
        return redemption
    serial = stock.sell(redemption, serial=report.item_serial)
    payment_id = paying.pay(redemption=redemption, dispensed_minor=dispensed_minor, at=at)
    redemption.transition(
        State.COMPLETED,
        dispensed_minor=dispensed_minor,
        payment_id=payment_id,
        item_serial=serial,
        ended_at=at,
        **said,
    )
    redemption.preapproval.transition(
        Preapproval.State.COMPLETED, dispensed_minor=dispensed_minor, ended_at=at
    )
    _tell(redemption, "completed", at)
    return redemption


def suspend(redemption: Redemption, *, report: Report, at: datetime) -> Redemption:
    """Let a locked redemption wait for the desk: nobody knows what was paid out."""
    if redemption.state == State.SUSPENSE:
        Redemption.objects.filter(pk=redemption.pk).update(
            outcome=report.outcome, journal=report.journal
        )
        redemption.outcome, redemption.journal = report.outcome, report.journal
        return redemption
    redemption.transition(
        State.SUSPENSE, outcome=report.outcome, journal=report.journal, suspended_at=at
    )
    redemption.preapproval.transition(Preapproval.State.SUSPENSE)
    _tell(redemption, "suspended", at)
    return redemption


def _overtake(redemption: Redemption, at: datetime) -> None:
    """Let what still waits for a second person lapse: the redemption ends without it."""
    if redemption.state == State.SUSPENSE:
        waits = redemption.proposals.filter(state=SuspenseProposal.State.PENDING)
        waits.update(state=SuspenseProposal.State.OVERTAKEN, decided_at=at)


def _nothing_paid(redemption: Redemption, at: datetime, *, gives_back: bool) -> None:
    preapproval = redemption.preapproval
    if not gives_back:
        accounts.release(document=preapproval.reference, at=at)
        preapproval.transition(Preapproval.State.REVERSED, ended_at=at)
        _tell(redemption, "reversed", at)
    elif at < preapproval.valid_until:
        preapproval.transition(Preapproval.State.APPROVED)
        _tell(redemption, "given_back", at)
    else:
        end(preapproval, to=Preapproval.State.EXPIRED, kind="expired", at=at)


def _tell(redemption: Redemption, kind: str, at: datetime) -> None:
    more = telling.at_machine(redemption)
    telling.tell(preapproval=redemption.preapproval, kind=kind, at=at, **more)
