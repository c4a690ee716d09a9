"""Items come into a shop's stock, from a file as people write it; one nobody bought goes out."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from config import audit, money
from config.audit import Actor
from config.refusals import NotFound, Refused
from merchants.models import Merchant
from settlement.models import StockItem
from settlement.services.stock.handing_out import sold
from settlement.services.stock.refusals import FileMalformed, ItemSold

LINES_MAX: Final = 20_000
SERIAL_MAX: Final = 64
AMOUNT_MAX: Final = 10**15 - 1  # as everywhere
COLUMNS: Final = ("kind", "currency", "amount", "serial")
_State = StockItem.State


class Line(NamedTuple):
    """One item: ``amount_minor`` of ``currency`` is its denomination."""

    kind: str
    currency: str
    amount_minor: int
    serial: str


class Fault(NamedTuple):
    """A line of a file that was not taken: its number from 1 (the heading), and why."""

    line: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file: how many items came in, and the lines that did not."""

    count: int
    faults: Sequence[Fault]


@transaction.atomic
def load(*, merchant: Merchant, lines: Sequence[Line], actor: Actor, at: datetime) -> int:
    """
    Take items into the shop's stock; return how many are new. A serial it knows stays as it is.

    Three statements, however many items.
    """
    before = _count(merchant)
    StockItem.objects.bulk_create(
        [
            StockItem(
                merchant=merchant,
                **line._asdict(),
                loaded_at=at,
                loaded_by=f"{actor.kind} {actor.name}"[:64],
            )
            for line in lines
        ],
        ignore_conflicts=True,
        batch_size=LINES_MAX,
    )
    count = _count(merchant) - before
    audit.record(
        actor=actor,
        action="stock.load",
        subject_kind="merchant",
        subject=merchant.reference,
        tenant=merchant.reference,
        at=at,
        after={"items": count},
    )
    return count


def load_file(*, merchant: Merchant, text: str, actor: Actor, at: datetime) -> Loaded:
    """
    Take a CSV file with the columns kind, currency, amount (major units, as people write it) and
    serial; a faulty line is told and does not stop the others.

    :raises FileMalformed: no text, no such heading, or more than ``LINES_MAX`` lines
    """
    heading, rows = _read(text.removeprefix("\ufeff"))
    if tuple(cell.strip().lower() for cell in heading) != COLUMNS:
        raise FileMalformed(f"The first line is {','.join(COLUMNS)}.")
    if len(rows) > LINES_MAX:
        raise FileMalformed(f"At most {LINES_MAX} lines.")
    judged = list(_judged(merchant, rows))
    lines = [each for each in judged if isinstance(each, Line)]
    count = load(merchant=merchant, lines=lines, actor=actor, at=at)
    return Loaded(count, [each for each in judged if isinstance(each, Fault)])


def _read(text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the heading, and each line that says something with its number in the file.

    :raises FileMalformed: it has a NUL, or a cell without end
    """
    if "\0" in text:
        raise FileMalformed("The file is not text.")
    reader = csv.reader(io.StringIO(text, newline=""))  # ends of lines as each system writes them
    try:
        heading = next(reader, [])
        return heading, [(number, row) for number, row in enumerate(reader, 2) if any(row)]
    except csv.Error:
        raise FileMalformed("A cell has no end: is a quotation mark never closed?") from None


def _judged(merchant: Merchant, rows: Sequence[tuple[int, list[str]]]) -> Iterator[Line | Fault]:
    serials = {row[3].strip() for _number, row in rows if len(row) == len(COLUMNS)}
    held = StockItem.objects.filter(merchant=merchant, serial__in=serials)
    before = sold(merchant=merchant).filter(item_serial__in=serials)
    known = {*held.values_list("kind", "serial"), *before.values_list("kind", "item_serial")}
    for number, row in rows:
        line = _line(row)
        if isinstance(line, str):
            yield Fault(number, line, ",".join(row))
        elif (line.kind, line.serial) in known:
            yield Fault(number, "serial_known", ",".join(row))
        else:
            known.add((line.kind, line.serial))
            yield line


def _line(row: Sequence[str]) -> Line | str:
    """Return the item of one line, or the code of what is wrong with it."""
    if len(row) != len(COLUMNS):
        return "columns"
    kind, currency, amount, serial = (cell.strip() for cell in row)
    if kind.upper() not in StockItem.Kind.values:
        return "kind_unknown"
    try:
        minor = money.parse(amount, currency.upper())
    except Refused as refused:
        return refused.code
    if not 1 <= minor <= AMOUNT_MAX:
        return "amount_invalid"
    if not 1 <= len(serial) <= SERIAL_MAX or not serial.isprintable():
        return "serial_invalid"
    return Line(kind.upper(), currency.upper(), minor, serial)


@transaction.atomic
def withdraw(*, merchant: Merchant, serial: str, kind: str, actor: Actor, at: datetime) -> None:
    """
    Take an item that nobody bought out of stock for good.

    :raises NotFound: the shop has no such item
    :raises ItemSold: it is held or sold
    """
    if "\0" in kind + serial:  # the database takes none as text
        raise NotFound
    rows = StockItem.objects.select_for_update(no_key=True)
    item = rows.filter(merchant=merchant, kind=kind, serial=serial).first()
    if item is None:
        raise NotFound
    if item.state != _State.AVAILABLE:
        raise ItemSold
    item.transition(_State.WITHDRAWN)
    audit.record(
        actor=actor,
        action="stock.withdraw",
        subject_kind="merchant",
        subject=merchant.reference,
        tenant=merchant.reference,
        at=at,
        before={"kind": kind, "serial": serial},
    )


def _count(merchant: Merchant) -> int:
    return StockItem.objects.filter(merchant=merchant).count()
