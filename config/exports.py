"""Tables as CSV files (RFC 4180): streamed row by row, safe to open in a spreadsheet.

A text that a spreadsheet would run as a formula is led by an apostrophe (OWASP ASVS 5.0, 1.2.10);
numbers stay numbers, so that sums work.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.http import StreamingHttpResponse

from config import money

type Cell = str | int | Decimal | date | None

BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"  # without it some spreadsheets guess the encoding
# What begins a formula, with the full-width twins that a spreadsheet reads as the same.
_RUNS: Final = tuple("=+-@\t\r\n＝＋－＠")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def amount(minor: int, currency: str) -> Decimal:
    """Return minor units (ISO 4217) as a number in whole units: 1250 USD cents are 12.50."""
    return Decimal(minor).scaleb(-money.exponent(currency))


def share(part: float | None) -> Decimal | None:
    """Return a part of a whole, 0 to 1, to four places; None of nothing."""
    return None if part is None else Decimal(f"{part:.4f}")


def lines(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield the file line by line; moments are ISO 8601 with their offset."""
    writer = csv.writer(_Echo())
    yield BOM
    for row in rows:
        yield writer.writerow([_cell(cell) for cell in row])


def download(*, name: str, rows: Iterable[Sequence[Cell]]) -> StreamingHttpResponse:
    """Return ``rows`` as the file ``name``.csv; ``name``: letters, digits and hyphens."""
    return StreamingHttpResponse(
        lines(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _cell(cell: Cell) -> str | int | Decimal:
    if cell is None:
        return ""
    if isinstance(cell, date):
        return cell.isoformat(timespec="seconds") if isinstance(cell, datetime) else str(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, int):
        return cell
    text = str(cell)
    # Blanks before it hide a formula from the eye alone.
    return f"'{text}" if text.lstrip(" \N{NO-BREAK SPACE}").startswith(_RUNS) else text
