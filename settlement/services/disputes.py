"""Disputes over a second payload under one ATC, and the listing of the card they are about."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.db import transaction

from config import references
from config.audit import SYSTEM
from issuers.models import BlacklistEntry
from issuers.services import blacklist
from settlement.models import Dispute
from settlement.rules.offline import Reason
from settlement.rules.sheet import Sheet
from settlement.services import copying


def open_for(sheet: Sheet, *, record_ids: Sequence[int], at: datetime) -> None:
    """Open a dispute for each record that came second; ``record_ids`` by place on the sheet."""
    copying.insert(
        model=Dispute,
        fields=_FIELDS,
        rows=[
            (
                references.new("DSP"),
                Reason.DUPLICATE_ATC.value,
                entry.taken.card and entry.taken.card.card_id,
                entry.taken.reader.merchant_id,
                record_ids[place],
                entry.verdict.liability.bearer.value,
                entry.verdict.liability.cause,
                at,
            )
            for place, entry in sheet.duplicates
        ],
    )


_FIELDS = (
    "reference",
    "kind",
    "card_id",
    "merchant_id",
    "record_id",
    "bearer",
    "bearer_cause",
    "opened_at",
)


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
