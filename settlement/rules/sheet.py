"""The sheet of one posting: every record of every batch judged in order, and what follows.

Pure: the ids the new payments will have are drawn beforehand. Record by record, each verdict is
part of the history the next one is judged by, so n records in one batch end as n batches of one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from settlement.rules import fees, liability
from settlement.rules.facts import Genuine, History, Sale, Seen, Taken, Tap
from settlement.rules.offline import Reason, Verdict, judge

_QUARTER_S: Final = 15 * 60


class Entry(NamedTuple):
    """
    One record with its verdict.

    ``effect``: the record as whose it is stands fast, and the sale it made or voided; None for one
    that had no effect.
    """

    taken: Taken
    verdict: Verdict
    effect: tuple[Genuine, Sale] | None

    @property
    def payment_id(self) -> int | None:
        """Return the payment it made, voided or came second to."""
        return self.verdict.payment_id if self.effect is None else self.effect[1].payment_id


class Void(NamedTuple):
    """A sale taken back, by a record of its own."""

    genuine: Genuine
    sale: Sale


@dataclass(slots=True)
class Sheet:
    """What one posting enters, each list in the order of the records."""

    entries: list[Entry] = field(default_factory=list)
    sales: list[tuple[Genuine, Sale]] = field(default_factory=list)
    voids: list[Void] = field(default_factory=list)
    filling: set[tuple[int, int]] = field(default_factory=set)  # card, phone: a late ATC came


def judging(
    *,
    sheet: Sheet,
    proven: Iterable[tuple[Taken, Genuine | Reason]],
    history: History,
    fresh: Iterator[tuple[int, str]],
) -> Iterator[Entry]:
    """
    Judge records in order, each as it is asked for; ``sheet`` and ``history`` grow with it.

    ``proven``: each with what :func:`prove` says of it. ``fresh``: ids and references for new
    payments, enough for one per record that may post.
    """
    for taken, proof in proven:
        verdict, effect = judge(proof, history), None
        if verdict.posted and verdict.reason != Reason.ALREADY_POSTED:
            assert not isinstance(proof, Reason), "what has a fault of its own does not post"
            effect = (proof, _post(sheet, proof, verdict, history, fresh))
        entry = Entry(taken, verdict, effect)
        sheet.entries.append(entry)
        yield entry


def draw_up_one(
    *, genuine: Genuine, verdict: Verdict, history: History, fresh: tuple[int, str]
) -> Sheet:
    """Return the sheet of one sale approved online; ``fresh``: its payment's id and reference."""
    sheet = Sheet()
    sale = _post(sheet, genuine, verdict, history, iter([fresh]), online=True)
    sheet.entries.append(Entry(genuine.taken, verdict, (genuine, sale)))
    return sheet


def _post(
    sheet: Sheet,
    genuine: Genuine,
    verdict: Verdict,
    history: History,
    fresh: Iterator[tuple[int, str]],
    *,
    online: bool = False,
) -> Sale:
    sale, counter, atc = verdict.sale, genuine.counter, genuine.record.atc
    if sale is None:
        sale = _sale(genuine, verdict, history, *next(fresh), online=online)
        history.sales[counter, atc] = sale
        latest = history.latest.get(counter)
        if latest is None or atc > latest.atc:
            history.latest[counter] = Tap(atc, genuine.record.at)
        sheet.sales.append((genuine, sale))
    else:
        sale.voided = True
        sheet.voids.append(Void(genuine, sale))
    newest = history.newest.get(counter, 0)
    if atc > newest:
        history.newest[counter] = atc
    elif atc < newest:
        sheet.filling.add(counter)
    history.seen[genuine.used_atc] = Seen(genuine.taken.digest, sale.payment_id)
    return sale


def _sale(
    genuine: Genuine,
    verdict: Verdict,
    history: History,
    payment_id: int,
    reference: str,
    *,
    online: bool,
) -> Sale:
    reader, record = genuine.taken.reader, genuine.record
    return Sale(
        payment_id=payment_id,
        reference=reference,
        reader_id=reader.device_id,
        amount_minor=record.amount,
        currency=record.currency,
        business_date=business_date(at=record.at, time_zone=reader.time_zone),
        liability=verdict.liability,
        fee_minor=_fee(genuine, verdict, history, online=online),
    )


def _fee(genuine: Genuine, verdict: Verdict, history: History, *, online: bool) -> int:
    record, weighed = genuine.record, verdict.weighed
    at = liability.asked_at(genuine) if weighed is None else weighed.counted.at
    return fees.fee_of(
        history.agreed.get(genuine.taken.reader.merchant_id, ()),
        amount_minor=record.amount,
        currency=record.currency,
        at=at,
        online=online,
    )


def business_date(*, at: int, time_zone: str) -> date:
    """Return the day on which the merchant's wall clock stood at ``at`` (epoch seconds)."""
    return _day_of(at // _QUARTER_S, time_zone)


# Every zone's offset is whole quarters of an hour, so midnight never falls within one.
@lru_cache(maxsize=4096)
def _day_of(quarter: int, time_zone: str) -> date:
    return datetime.fromtimestamp(quarter * _QUARTER_S, UTC).astimezone(_zone(time_zone)).date()


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
