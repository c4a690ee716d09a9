"""Disputes over a second payload under one ATC, and the listing of the card they are about."""

from contextlib import suppress
from datetime import datetime

from django.db import connection, transaction

from config import references
from config.audit import SYSTEM
from issuers.models import BlacklistEntry
from issuers.services import blacklist
from settlement.models import Dispute
from settlement.rules.offline import Reason
from settlement.rules.sheet import Entry, Sheet


def open_for(sheet: Sheet, *, at: datetime) -> None:
    """Open a dispute for each record that came second; the records are in the database."""
    rows = [_row(entry) for entry in sheet.entries if entry.verdict.reason == Reason.DUPLICATE_ATC]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [Reason.DUPLICATE_ATC.value, at, *columns])


def _row(entry: Entry) -> tuple[object, ...]:
    taken, verdict = entry.taken, entry.verdict
    assert taken.card is not None, "only a known card's ATC comes twice"
    return (
        references.new("DSP"),
        taken.card.card_id,
        taken.reader.merchant_id,
        taken.batch_id,
        taken.place,
        verdict.liability.bearer.value,
        verdict.liability.cause,
    )


_OPEN = """
INSERT INTO settlement_dispute
       (kind, opened_at, reference, card_id, merchant_id, record_id, bearer, bearer_cause, outcome)
SELECT %s, %s, new.reference, new.card_id, new.merchant_id, r.id, new.bearer, new.bearer_cause, ''
  FROM unnest(%s::varchar[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[],
              %s::varchar[], %s::varchar[])
    AS new (reference, card_id, merchant_id, batch_id, place, bearer, bearer_cause)
  JOIN settlement_batchrecord r ON r.batch_id = new.batch_id AND r.index = new.place
"""


def list_cards(*, at: datetime) -> int:
    """
    Put the cards of new disputes on the blacklist; return how many disputes were seen to.

    The dispute is the order: committed with the posting, so a crash between the two only delays
    the listing to the next run. A card that is listed or closed already is left as it is.
    """
    waiting = Dispute.objects.filter(card_listed_at=None).order_by("pk").select_related("card")
    return sum(_list_card(dispute, at) for dispute in waiting[:100])


@transaction.atomic
def _list_card(dispute: Dispute, at: datetime) -> int:
    open_still = Dispute.objects.filter(pk=dispute.pk, card_listed_at=None)
    if not open_still.update(card_listed_at=at):
        return 0
    with suppress(blacklist.CardBlockedAlready, blacklist.CardClosed):
        blacklist.block(
            card=dispute.card,
            reason=BlacklistEntry.Reason.FRAUD,
            note=f"Two payments under one transaction counter ({dispute.reference}).",
            at=at,
            actor=SYSTEM,
        )
    return 1
