"""The timeline of a payment in words, for whom it concerns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from config.models import Event
from settlement.models import Batch, BatchRecord, LedgerAccount, Payment, Transfer
from settlement.portal import traces, words
from settlement.selectors.timeline import (
    Arrived,
    Disputed,
    Entry,
    Excepted,
    Happened,
    Moved,
    Tapped,
)
from settlement.selectors.traced import Audience, Traced

_VOID: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that happened (``components/timeline.html``).

    ``rank``: what comes first of what bears the same time, as all of one posting does.
    """

    rank: int
    tone: str
    what: str | Promise
    at: datetime
    who: str | Promise = ""
    detail: str | Promise = ""


def lines(
    entries: Iterable[Entry], *, payment: Payment, for_issuer: bool, for_shop: bool
) -> list[Line]:
    """
    Return what happened, newest first.

    The shop is not told of other shops' records of the same card, nor of the issuer's exceptions;
    the issuer not of the shop's wires and benefits. A record that came again tells of the same tap:
    that is told once.
    """
    theirs = [
        entry
        for entry in entries
        if _is_for(entry, for_issuer=for_issuer, for_shop=for_shop)
        and (for_issuer or _concerns(entry, payment))
    ]
    told = dict.fromkeys(line for entry in theirs for line in _told(entry, payment))
    return sorted(told, key=lambda line: (line.at, line.rank))[::-1]


def _is_for(entry: Entry, *, for_issuer: bool, for_shop: bool) -> bool:
    """Return whether a step is for whom the page is drawn; the platform is both."""
    if not isinstance(entry, Traced):
        return True
    readers = {Audience.SHOP: for_shop, Audience.ISSUER: for_issuer}
    return readers.get(entry.audience, True)


def _concerns(entry: Entry, payment: Payment) -> bool:
    """Return whether an entry is for the shop to know."""
    match entry:
        case Tapped() | Arrived():
            return entry.record.batch.merchant_id == payment.merchant_id
        case Disputed():
            return entry.dispute.merchant_id == payment.merchant_id
        case Excepted():
            return False
        case _:
            return True


def _told(entry: Entry, payment: Payment) -> Iterator[Line]:
    zone = ZoneInfo(payment.merchant.time_zone)
    match entry:
        case Tapped():
            yield _tapped(entry)
        case Arrived():
            yield from _arrived(entry)
        case Moved():
            yield _moved(entry)
        case Happened():
            yield _happened(entry)
        case Excepted():
            yield from _excepted(entry, zone)
        case Disputed():
            yield _disputed(entry)
        case Traced():
            yield _traced(entry, payment)


def _tapped(entry: Tapped) -> Line:
    void = entry.record.kind == _VOID
    return Line(
        rank=0,
        tone="neutral" if void else "offline",
        what=_("Taken back at the reader") if void else _("Tapped and approved offline"),
        who=entry.record.batch.device.name,
        at=entry.at,
        detail=_("Approval code %(code)s, by the reader's clock")
        % {"code": entry.record.approval_code},
    )


def _arrived(entry: Arrived) -> Iterator[Line]:
    """Tell that a batch came in, and what its record came to once it was verified."""
    batch, record = entry.batch, entry.record
    yield Line(
        rank=1,
        tone="info",
        what=_("Came in with batch %(sequence)s") % {"sequence": f"{batch.sequence:,}"},
        who=batch.device.name,
        at=entry.at,
        detail=_place(batch, record),
    )
    if batch.posted_at is None:
        return
    posted = record.state == BatchRecord.State.POSTED
    yield Line(
        rank=2,
        tone="ok" if posted else "bad",
        what=_("Signature verified, record posted") if posted else _("Record rejected"),
        who=_("settlement"),
        at=batch.posted_at,
        detail=words.reason_of(record),
    )


def _place(batch: Batch, record: BatchRecord) -> str:
    told = {"place": f"{record.index + 1:,}", "count": f"{batch.record_count:,}"}
    place = _("Record %(place)s of %(count)s") % told
    if batch.attempts <= 1:
        return place
    return f"{place}, " + _("posted at attempt %(attempts)s") % {"attempts": batch.attempts}


def _moved(entry: Moved) -> Line:
    way = _("%(amount)s from %(debit)s to %(credit)s") % {
        "amount": words.amount(entry.amount_minor, entry.currency),
        "debit": words.ACCOUNTS[LedgerAccount.Kind(entry.debit.kind)],
        "credit": words.ACCOUNTS[LedgerAccount.Kind(entry.credit.kind)],
    }
    what = words.TRANSFERS.get(Transfer.Code(entry.code), entry.code)
    return Line(rank=3, tone="ok", what=what, who=_("ledger"), at=entry.at, detail=way)


def _happened(entry: Happened) -> Line:
    event = entry.event
    look = words.EVENTS.get(event.type) or words.Look("neutral", event.type)
    detail = ". ".join(str(part) for part in (_said(event), _numbered(event)) if part)
    return Line(rank=4, tone=look.tone, what=look.word, who=event.type, at=entry.at, detail=detail)


def _said(event: Event) -> str | Promise:
    """Return what an event tells beyond its kind: what was given back, why it was declined."""
    payment = event.body.get("payment", {})
    if event.type == "payment.declined":
        return str(words.decline_of(payment.get("decline_reason", ""))).rstrip(".")
    if event.type != "refund.created":
        return ""
    refund = event.body["refund"]
    amount = words.amount(refund["amount"], payment["currency"])
    return ", ".join(part for part in (amount, refund["reason"]) if part)


def _numbered(event: Event) -> str:
    return _("Event %(seq)s of the shop") % {"seq": f"{event.seq:,}"} if event.seq else ""


def _excepted(entry: Excepted, zone: ZoneInfo) -> Iterator[Line]:
    item = entry.exception
    if item.resolved_at:
        what = _("Exception resolved")
        yield Line(rank=7, tone="ok", what=what, at=item.resolved_at, detail=item.resolution)
    yield Line(
        rank=5,
        tone="warn",
        what=words.EXCEPTIONS.get(item.kind, item.kind),
        who=_("exception"),
        at=entry.at,
        detail=words.exception_detail(kind=item.kind, detail=item.detail, zone=zone),
    )


def _traced(entry: Traced, payment: Payment) -> Line:
    said = traces.told(entry, payment=payment)
    return Line(
        rank=0, tone=said.tone, what=said.what, at=entry.at, who=said.who, detail=said.detail
    )


def _disputed(entry: Disputed) -> Line:
    dispute = entry.dispute
    return Line(
        rank=6,
        tone="bad",
        what=_("A second payment under the same counter"),
        who=dispute.reference,
        at=entry.at,
        detail=words.borne(bearer=dispute.bearer, cause=dispute.bearer_cause).sentence,
    )
