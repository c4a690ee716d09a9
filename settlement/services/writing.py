"""A posting's records judged and written: each is looked at once, while the database writes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from config import references
from settlement.models import Batch, Payment
from settlement.rules.offline import Reason, prove
from settlement.rules.sheet import Entry, Sheet, judging
from settlement.services import (
    copying,
    days,
    disputes,
    entries,
    exceptions,
    history,
    offline_events,
    offline_money,
    payables,
)
from settlement.services.evidence import Evidence
from settlement.services.offline_money import Money


def write(*, batches: Sequence[Evidence], at: datetime) -> None:
    """
    Judge the records of batches that the transaction holds, and write all that follows from them.

    In the house's lock order: documents, card accounts, transfers, events. However many records,
    the statements are the same; two of the history are left out where every record is ahead of it.

    :raises IntegrityError: somebody else took an ATC after the history was read
    """
    proven = [(taken, prove(taken)) for batch in batches for taken in batch.records]
    genuine = [proof for _taken, proof in proven if not isinstance(proof, Reason)]
    past, fresh = history.load(genuine), _fresh(count=len(genuine))
    drawn = _Drawn()
    judged = judging(sheet=drawn.sheet, proven=proven, history=past, fresh=fresh)
    entries.insert_payments(drawn.payments(judged, at))
    entries.use_atcs(drawn.atcs)
    entries.reverse_sales(drawn.sheet)
    entries.insert_verdicts(drawn.verdicts())
    disputes.open_for(drawn.sheet, at=at)
    left = offline_money.post(drawn.money, at=at)
    exceptions.open_for(drawn.sheet, at=at)
    payables.tell(drawn.sheet, left, at=at)
    exceptions.close_filled(drawn.sheet, at=at)
    days.add(drawn.sheet)
    Batch.objects.filter(pk__in=[batch.batch_id for batch in batches]).update(
        state=Batch.State.POSTED, posted_at=at, leased_until=None
    )
    offline_events.insert(_told(batches, iter(drawn.sheet.entries), at))


def _told(
    batches: Sequence[Evidence], judged: Iterator[Entry], at: datetime
) -> Iterator[offline_events.Row]:
    """Yield what became of each payment, and after its last record of each batch."""
    for batch in batches:
        rejected = 0
        for entry in islice(judged, len(batch.records)):
            rejected += not entry.verdict.posted
            if entry.effect is not None:
                yield offline_events.of_payment(entry, entry.effect[1], at)
        yield offline_events.of_batch(batch, rejected, at)


def _fresh(*, count: int) -> Iterator[tuple[int, str]]:
    """Return ids and references for new payments."""
    ids = copying.reserve_ids(model=Payment, count=count)
    return zip(ids, references.many("PAY", len(ids)), strict=True)


@dataclass(slots=True)
class _Drawn:
    """
    What a posting comes to, drawn up beside the rows that the database is taking in.

    Sheet and ATCs are whole once the payments are taken, the money once the verdicts are.
    """

    sheet: Sheet = field(default_factory=Sheet)
    money: Money = field(default_factory=Money)
    atcs: list[entries.Row] = field(default_factory=list)

    def payments(self, judged: Iterator[Entry], at: datetime) -> Iterator[entries.Row]:
        """Take the records as they are judged, and yield the payments' rows."""
        for entry in judged:
            if entry.effect is None:
                continue
            self.atcs.append(entries.used_atc(*entry.effect))
            if entry.verdict.sale is None:
                yield entries.payment(*entry.effect, at)

    def verdicts(self) -> Iterator[entries.Row]:
        """Yield the verdicts' rows, and reckon the money."""
        for entry in self.sheet.entries:
            if entry.effect is not None:
                if entry.verdict.sale is None:
                    self.money.add_sale(*entry.effect)
                else:
                    self.money.add_void(*entry.effect)
            yield entries.verdict(entry)
