"""Files that name many cards: their rows, and the cards these name."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from django.utils.translation import gettext as _

from config.refusals import Refused
from config.wire import b64
from config.wire.errors import Malformed
from issuers.models import Card

BYTES_MAX: Final = 4 * 2**20  # about 100,000 cards
ROWS_MAX: Final = 200_000  # a token alone is 22 characters: more rows name no cards


class FileMalformed(Refused):
    code = "import_malformed"
    title = "This is not a CSV file with the columns it needs"


class FileTooLarge(Refused):
    code = "import_too_large"
    status = 413
    title = "The file is larger than 4 MiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the file: its number as a spreadsheet shows it, and what stands in it."""

    line: int
    card: str
    reason: str = ""


def check_size(*, source: bytes) -> None:
    """Refuse a file that is too large to be worked off from the database.

    :raises FileTooLarge: more than 4 MiB
    """
    if len(source) > BYTES_MAX:
        raise FileTooLarge


def rows_of(*, source: bytes, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a file whose first line names ``columns``, the card's first.

    :raises FileMalformed: no such header, no rows, or not UTF-8
    :raises FileTooLarge: more rows than cards fit in
    """
    rows = list(islice(rows_after(source=source, columns=columns, after=0), ROWS_MAX + 1))
    if not rows:
        raise FileMalformed(_("The file has no rows."))
    if len(rows) > ROWS_MAX:
        told = _("The file has more than %(rows)s rows.") % {"rows": f"{ROWS_MAX:,}"}
        raise FileTooLarge(told)
    return rows


def rows_after(*, source: bytes, columns: Sequence[str], after: int) -> Iterator[Row]:
    """Yield the rows behind the first ``after``; empty lines are none.

    :raises FileMalformed: no such header, or not UTF-8
    """
    try:
        lines = csv.reader(io.StringIO(source.decode("utf-8-sig"), newline=""), strict=True)
        if [cell.strip().lower() for cell in next(lines, [])] != list(columns):
            told = {"columns": ",".join(columns)}
            raise FileMalformed(_("The first line must be %(columns)s.") % told)
        filled = ((lines.line_num, cells) for cells in lines if any(map(str.strip, cells)))
        for line, cells in islice(filled, after, None):
            card, reason = (*cells, "", "")[:2]
            yield Row(line=line, card=card.strip(), reason=reason.strip().upper())
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise FileMalformed(str(wrong)) from wrong


def cards_of(*, rows: Sequence[Row], tenant: str) -> dict[str, Card]:
    """Return the cards the rows name, by reference; ``tenant``: of this issuer alone, "" of all."""
    tokens = []
    for row in rows:
        try:
            tokens.append(b64.decode(row.card))
        except Malformed:
            continue
    known = Card.objects.filter(token__in=tokens).select_related("issuer")
    if tenant:
        known = known.filter(issuer__reference=tenant)
    return {card.reference: card for card in known}
