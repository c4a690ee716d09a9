"""What a machine names: the pre-approval of a number, its own redemption; locked, in the order."""

from django.db.models import Q

from config.models import Device
from config.refusals import NotFound
from config.wire import numbers
from config.wire.errors import Malformed
from config.wire.numbers import NumberKind
from settlement.models import Preapproval, Redemption
from settlement.services.preapprovals.ending import locked
from settlement.services.preapprovals.numbers import keyed_hash
from settlement.services.redemptions.refusals import NumberMalformed


def number_of(text: str) -> str:
    """Return the approval number of what was typed or scanned.

    :raises NumberMalformed: another number's form, none at all, or a wrong check digit
    """
    try:
        parsed = numbers.parse(text)
    except Malformed:
        raise NumberMalformed from None
    if parsed.kind is not NumberKind.APPROVAL:
        raise NumberMalformed
    return parsed.value


def locked_of_number(number: str) -> Preapproval | None:
    """Return the pre-approval of a number, locked; None where nobody has it."""
    return locked().filter(number_hash=keyed_hash(number)).first()


def locked_of_machine(*, device: Device, reference: str) -> Redemption:
    """Return a machine's own redemption, locked after its pre-approval.

    :raises NotFound: unknown, or another machine's
    """
    return _locked(Q(device=device, reference=reference))


def locked_named(*, reference: str) -> Redemption:
    """Return a redemption, locked after its pre-approval.

    :raises NotFound: there is none
    """
    return _locked(Q(reference=reference))


def _locked(which: Q) -> Redemption:
    found = Redemption.objects.filter(which).values_list("pk", "preapproval_id").first()
    if found is None:
        raise NotFound
    preapproval = locked().get(pk=found[1])
    rows = Redemption.objects.select_related("merchant", "store", "device")
    redemption = rows.select_for_update(no_key=True, of=("self",)).get(pk=found[0])
    redemption.preapproval = preapproval
    return redemption
