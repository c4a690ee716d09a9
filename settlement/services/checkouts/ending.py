"""A till ends a checkout: paid otherwise, abandoned or taken back; time ends what is left."""

from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from config import pipeline, repetitions
from config.looks import Look
from config.models import Device
from config.refusals import NotFound, Refused
from config.repetitions import Call
from config.sweeps import Sweep
from issuers.services import remote
from settlement.models import Checkout
from settlement.services.checkouts import paying
from settlement.services.checkouts.finding import end, ended, expire, locked_of_terminal
from settlement.services.checkouts.refusals import CheckoutFinal, ConsentRequired
from settlement.services.payments import planned, reversals, rows
from settlement.services.payments.refusals import PaymentApproving

State = Checkout.State


def confirm(*, device: Device, reference: str, tender: str, at: datetime) -> Checkout:
    """
    End a quoted checkout as paid by ``tender``, CASH or CARD, at the till; again, the same answer.

    :raises NotFound: no such checkout of this terminal
    :raises CheckoutFinal: it ended otherwise
    :raises ConsentRequired, PaymentApproving: it is paid by its payment number
    """
    return _told(_confirm(device, reference, tender, at))


def abandon(*, device: Device, reference: str, at: datetime) -> Checkout:
    """
    Release all that a checkout holds; again, the same answer.

    :raises NotFound: no such checkout of this terminal
    :raises CheckoutFinal: it ended otherwise
    :raises PaymentApproving: its issuer is being asked: cancel it
    """
    return _told(_abandon(device, reference, at))


def cancel(*, device: Device, reference: str, at: datetime) -> Checkout:
    """
    Take a paid checkout back whole: money and benefits; one that is open is abandoned.

    One that ended otherwise stays as it ended.

    :raises NotFound: no such checkout of this terminal
    :raises AlreadyCleared, AlreadyRefunded: as :func:`reversals.reverse`
    """
    found = Checkout.objects.filter(device=device, reference=reference).first()
    if found is None:
        raise NotFound
    done = _cancel(device, reference, at, had_payment=found.payment_id is not None)
    if done is None:  # its payment came meanwhile, and never goes
        done = _cancel(device, reference, at, had_payment=True)
    assert done is not None, "nothing comes before its payment"
    return done


def seen_by_terminal(*, device: Device, reference: str, at: datetime) -> Checkout:
    """Return a checkout as its own terminal may see it.

    :raises NotFound: unknown, or another terminal's
    """
    with transaction.atomic():
        return locked_of_terminal(device=device, reference=reference, at=at)


def end_due(*, at: datetime, limit: int) -> int:
    """End up to ``limit`` checkouts whose time is up, each by itself; return how many."""
    return SWEEP.run(names=[name for (name,) in _DUE.at(at, limit=limit)], at=at)


def _due(at: datetime) -> QuerySet[Any, Any]:
    open_ones = Checkout.objects.filter(~SWEEP.stuck("reference"), state__in=Checkout.OPEN)
    return open_ones.filter(expires_at__lte=at).order_by("expires_at").values_list("reference")


_DUE: Final = Look(_due)


def _told(word: Checkout | Refused) -> Checkout:
    """Raise what a transaction returned as a refusal: what time had ended stays ended."""
    if isinstance(word, Refused):
        raise word
    return word


@transaction.atomic
def _confirm(device: Device, reference: str, tender: str, at: datetime) -> Checkout | Refused:
    checkout = locked_of_terminal(device=device, reference=reference, at=at)
    if checkout.state == State.CONSENT_REQUIRED:
        return ConsentRequired()
    if checkout.state == State.APPROVING:
        return PaymentApproving()
    asked = Checkout.Tender(tender) if checkout.remainder_minor else Checkout.Tender.NONE
    if ended(checkout):
        is_repeated = checkout.state == State.PAID and checkout.tender == asked
        if not is_repeated:
            return CheckoutFinal(state=checkout.state)
        repetitions.note(subject=reference, call=Call.CONFIRM, device=device.reference, at=at)
        return checkout
    planned.held_of(document=checkout.reference)
    paying.without_card(checkout=checkout, tender=asked, at=at)
    return checkout


@transaction.atomic
def _abandon(device: Device, reference: str, at: datetime) -> Checkout | Refused:
    checkout = locked_of_terminal(device=device, reference=reference, at=at)
    if checkout.state == State.APPROVING:
        return PaymentApproving()
    if not ended(checkout):
        end(checkout=checkout, to=State.ABANDONED, at=at)
    elif checkout.state != State.ABANDONED:
        return CheckoutFinal(state=checkout.state)
    else:
        repetitions.note(subject=reference, call=Call.ABANDON, device=device.reference, at=at)
    return checkout


@transaction.atomic
def _cancel(device: Device, reference: str, at: datetime, *, had_payment: bool) -> Checkout | None:
    """Cancel by what was read of it; None where a payment came meanwhile: it is locked first."""
    found = rows.locked_payment(reference=reference)
    request = rows.request_of(pipeline.run(found)[0]) if had_payment else None
    if request is not None and request.state == "APPROVED":
        reversals.reverse_locked(request, at=at)
        return locked_of_terminal(device=device, reference=reference, at=at)
    checkout = locked_of_terminal(device=device, reference=reference, at=at)
    if not had_payment and checkout.payment_id is not None:
        return None
    if request is not None and checkout.state == State.APPROVING:
        planned.release_held(document=reference, at=at)
        after = request._replace(state="CANCELLED")
        moves = rows.moved(request, after, kind="cancelled", at=at)
        moves += remote.releasing(document=reference, at=at, is_told=False)
        rows.check_moved(pipeline.run(*moves))
        checkout.transition(State.ABANDONED, ended_at=at)
    elif not ended(checkout):
        end(checkout=checkout, to=State.ABANDONED, at=at)
    elif checkout.state == State.PAID:
        planned.undo(document=reference, key=reversals.REVERSAL_KEY, at=at)
        checkout.transition(State.REVERSED)
    else:
        repetitions.note(subject=reference, call=Call.CANCEL, device=device.reference, at=at)
    return checkout


def _merchant(reference: str) -> str:
    return Checkout.objects.values_list("merchant__reference", flat=True).get(reference=reference)


SWEEP: Final = Sweep(
    kind="checkout_not_ended",
    told="The checkout {name} is over, and the portal fails to end it.",
    end=lambda reference, at: expire(reference=reference, at=at),
    tenant=_merchant,
)
