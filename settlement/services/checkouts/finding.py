"""A checkout as its terminal, or its phone, may find it: locked, and as time has left it."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from config.models import Device
from config.refusals import NotFound
from settlement.models import Checkout
from settlement.services.payments import planned

State = Checkout.State
_OPEN = frozenset({State.QUOTED, State.CONSENT_REQUIRED, State.APPROVING})


def ended(checkout: Checkout) -> bool:
    """Return whether it has come to its end."""
    return checkout.state not in _OPEN


def locked_of_terminal(*, device: Device, reference: str, at: datetime) -> Checkout:
    """Return the terminal's own checkout, locked, EXPIRED if its time is up.

    :raises NotFound: unknown, or another terminal's
    """
    return _locked(_rows().filter(device=device, reference=reference), at)


def locked_of_phone(*, device: Device, reference: str, at: datetime) -> Checkout:
    """Return the checkout that took a plan of this phone, as :func:`locked_of_terminal`.

    :raises NotFound: unknown, or another phone's
    """
    return _locked(_rows().filter(plan__device=device, reference=reference), at)


def end(*, checkout: Checkout, to: str, at: datetime) -> None:
    """End an open checkout that is locked without a payment: all that it holds goes back."""
    planned.release_held(document=checkout.reference, at=at)
    checkout.transition(to, tsn=None, ended_at=at)


@transaction.atomic
def expire(*, reference: str, at: datetime) -> bool:
    """End a checkout if its time is up; return whether it was."""
    checkout = _rows().select_for_update(no_key=True, of=("self",)).get(reference=reference)
    return _expired(checkout, at)


def _locked(rows: QuerySet[Checkout], at: datetime) -> Checkout:
    checkout = rows.select_for_update(no_key=True, of=("self",)).first()
    if checkout is None:
        raise NotFound
    _expired(checkout, at)
    return checkout


def _expired(checkout: Checkout, at: datetime) -> bool:
    if not checkout.is_over(at=at):
        return False
    end(checkout=checkout, to=State.EXPIRED, at=at)
    return True


def _rows() -> QuerySet[Checkout]:
    return Checkout.objects.select_related("plan__device", "plan__card", "merchant", "device")
