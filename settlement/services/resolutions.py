"""The end of what settlement asks of people: an exception is explained, a dispute is closed."""

from datetime import datetime

from django.db import transaction

from config import audit
from config.audit import Actor
from config.refusals import Refused
from settlement.models import Dispute, ExceptionItem
from settlement.models.batches import CLOSED_ACCOUNT
from settlement.services import payables


class WordsMissing(Refused):
    code = "words_missing"
    title = "Say in words how it ended"


class ExceptionResolved(Refused):
    code = "exception_resolved"
    status = 409
    title = "This exception is resolved already"


class DisputeClosed(Refused):
    code = "dispute_closed"
    status = 409
    title = "This dispute is closed already"


@transaction.atomic
def resolve(*, item: ExceptionItem, reason: str, at: datetime, actor: Actor) -> ExceptionItem:
    """Take ``item`` out of its queue, for ``reason``, and return it as it stands now.

    No money moves, for who bears the payment was decided by rule when it posted (protocol §5); but
    what came to a closed account counts as paid out to its holder.

    :raises WordsMissing: ``reason`` says nothing
    :raises ExceptionResolved: somebody, or a late batch, was first
    """
    held = ExceptionItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    if held.resolved_at is not None:
        raise ExceptionResolved
    held.resolution, held.resolved_at = _said(reason), at
    held.save(update_fields=["resolution", "resolved_at"])
    if held.kind == CLOSED_ACCOUNT:
        payables.pay_out(item=held, at=at)
    audit.record(
        actor=actor,
        action="exception.resolve",
        subject_kind="exception",
        subject=str(held.pk),
        tenant=held.tenant,
        reason=held.resolution,
        at=at,
        after={"kind": held.kind},
    )
    return held


@transaction.atomic
def close(*, dispute: Dispute, outcome: str, at: datetime, actor: Actor) -> Dispute:
    """Close ``dispute`` with what came of it, and return it as it stands now.

    The card stays as it is: taking it off the blacklist is an act of its own.

    :raises WordsMissing: ``outcome`` says nothing
    :raises DisputeClosed: somebody was first
    """
    rows = Dispute.objects.select_related("card__issuer")
    held = rows.select_for_update(no_key=True, of=("self",)).get(pk=dispute.pk)
    if held.closed_at is not None:
        raise DisputeClosed
    held.outcome, held.closed_at = _said(outcome), at
    held.save(update_fields=["outcome", "closed_at"])
    audit.record(
        actor=actor,
        action="dispute.close",
        subject_kind="dispute",
        subject=held.reference,
        tenant=held.card.issuer.reference,
        reason=held.outcome,
        at=at,
        after={"bearer": held.bearer},
    )
    return held


def _said(words: str) -> str:
    said = words.strip()
    if not said:
        raise WordsMissing
    return said
