"""Disputes over a second payload under one ATC, and the listing of the card they are about."""

from contextlib import suppress
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from config import references
from config.audit import SYSTEM
from issuers.models import BlacklistEntry, Card
from issuers.services import blacklist
from settlement.models import Dispute
from settlement.rules.facts import Bearer, Genuine
from settlement.rules.offline import Reason
from settlement.rules.sheet import Entry, Sheet


def open_for(sheet: Sheet, *, at: datetime) -> None:
    """Open a dispute for each record that came second; the records are in the database."""
    rows = [_row(entry) for entry in sheet.entries if entry.verdict.reason == Reason.DUPLICATE_ATC]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(9)]
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
        verdict.payment_id,
        taken.digest,
    )


# A payload is disputed once: what came again is no second loss. One that was a tap asked online
# before becomes the record that a batch brings, which is the better evidence.
_OPEN = """
INSERT INTO settlement_dispute
       (kind, opened_at, reference, card_id, merchant_id, record_id, bearer, bearer_cause, outcome,
        payment_id, payload_digest)
SELECT DISTINCT ON (new.digest)
       %s, %s, new.reference, new.card_id, new.merchant_id, r.id, new.bearer, new.bearer_cause, '',
       new.payment_id, new.digest
  FROM unnest(%s::varchar[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[],
              %s::varchar[], %s::varchar[], %s::bigint[], %s::bytea[])
    AS new (reference, card_id, merchant_id, batch_id, place, bearer, bearer_cause, payment_id,
            digest)
  JOIN settlement_batchrecord r ON r.batch_id = new.batch_id AND r.index = new.place
 ORDER BY new.digest, r.id
    ON CONFLICT (payload_digest) DO UPDATE SET record_id = excluded.record_id, tap = NULL
 WHERE settlement_dispute.record_id IS NULL
"""


@transaction.atomic
def open_tap(*, genuine: Genuine, record: bytes, payment_id: int | None, at: datetime) -> None:
    """
    Open a dispute for a tap whose ATC stands under another payment, once per payload.

    ``record``: COSE_Sign1 as the reader sent it, kept as evidence. The shop was refused and has
    lost nothing; the card has two owners, and is listed as after a batch.
    """
    Dispute.objects.bulk_create(
        [
            Dispute(
                reference=references.new("DSP"),
                kind=Reason.DUPLICATE_ATC.value,
                card_id=genuine.card.card_id,
                merchant_id=genuine.taken.reader.merchant_id,
                tap=record,
                payment_id=payment_id,
                payload_digest=genuine.taken.digest,
                bearer=Bearer.ISSUER.value,
                bearer_cause=Reason.DUPLICATE_ATC.value,
                opened_at=at,
            )
        ],
        ignore_conflicts=True,
    )


def list_cards(*, at: datetime) -> int:
    """
    Put the cards of new disputes on the blacklist; return how many disputes were seen to.

    The dispute is the order: committed with the posting, so a crash between the two only delays
    the listing to the next run. A card that is listed or closed already is left as it is.
    """
    waiting = unlisted().order_by("pk").select_related("card")
    return sum(_list_card(dispute, at) for dispute in waiting[:100])


def unlisted() -> QuerySet[Dispute]:
    """Return the disputes whose cards :func:`list_cards` is to see to."""
    return Dispute.objects.filter(card_listed_at=None)


@transaction.atomic
def _list_card(dispute: Dispute, at: datetime) -> int:
    # The card first, as whoever asks online: a posting that meets this dispute waits for our row,
    # and a tap that waits for the posting's ATC holds the card.
    Card.objects.select_for_update(no_key=True).get(pk=dispute.card_id)
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
