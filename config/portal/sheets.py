"""Lists as CSV: the rows of a page, under the page's own address with ``as=csv``.

The view that draws the page hands out the file too, so that filters and rights are the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from django.db.models import Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from config import exported, exports
from config.exports import Cell
from config.paging import AS_FILE
from config.people.access import SignedInRequest, actor_of

ROWS_MAX: Final = 1_000_000
STREAMED_MAX: Final = 15_000  # what a page streams within two seconds (decision 76)
FOR_JOB: Final = "for_job"  # set on the request by which a job asks a page for its list
_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet[Row: Model]:
    """A list as a table. ``heads``: the names of its columns; ``lines``: turns up to 2,000 rows
    into lines, so that what belongs to them is looked up once for all."""

    heads: Sequence[str | Promise]
    lines: Callable[[Sequence[Row]], Iterable[Sequence[Cell]]]


def each[Row: Model](
    line: Callable[[Row], Sequence[Cell]],
) -> Callable[[Sequence[Row]], Iterable[Sequence[Cell]]]:
    """Return the ``lines`` of a sheet whose rows bring all they need along."""
    return lambda rows: [line(row) for row in rows]


def wanted(request: HttpRequest) -> bool:
    """Return whether the address asks for the list as a file."""
    return all(request.GET.get(name) == value for name, value in AS_FILE.items())


class SheetResponse(StreamingHttpResponse):
    """A list as its page streams it; a job takes the list out of it and writes it by parts."""

    def __init__(self, listed: "Listed[Any]") -> None:
        answer = exports.download(name=listed.name, rows=listed.stream())
        super().__init__(answer.streaming_content, headers=answer.headers)
        self.listed = listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed[Row: Model]:
    """Rows to be written as the file ``name``.csv, newest first."""

    name: str
    rows: QuerySet[Row]
    sheet: Sheet[Row]

    @property
    def heads(self) -> list[Cell]:
        return [str(head) for head in self.sheet.heads]

    @property
    def cut(self) -> list[Cell]:
        """Return the last line of a file that has not all."""
        told = _("More than %(most)s rows: narrow the list for the rest.")
        return [told % {"most": f"{ROWS_MAX:,}"}]

    def count(self, *, most: int) -> int:
        """Return how many rows there are, at most ``most``."""
        # By the key alone: what a row is annotated with is not worked out to count it.
        return self.rows.order_by().values("pk")[:most].count()

    def chunk(self, *, below: int | None) -> list[Row]:
        """Return the next rows, up to 2,000, older than the key ``below``."""
        newest = self.rows.order_by("-pk")
        return list((newest if below is None else newest.filter(pk__lt=below))[:_CHUNK])

    def stream(self) -> Iterator[Sequence[Cell]]:
        """Yield the file's lines."""
        yield self.heads
        told, chunk = 0, self.chunk(below=None)
        while chunk:
            yield from self.sheet.lines(chunk)
            told += len(chunk)
            chunk = self.chunk(below=chunk[-1].pk)
            if chunk and told >= ROWS_MAX:
                yield self.cut
                return


def download[Row: Model](
    request: HttpRequest, *, name: str, rows: QuerySet[Row], sheet: Sheet[Row]
) -> HttpResponseBase:
    """
    Return ``rows`` as the file ``name``.csv, newest first, up to a million (decision 64).

    Read by key, 2,000 at a time: nothing is held open while a slow line takes them. More than
    ``STREAMED_MAX`` are written by a job, to whose page the answer leads (decision 76).

    :raises TooManyFiles: three of the person's are being written
    """
    listed = Listed(name=name, rows=rows, sheet=sheet)
    person = cast("SignedInRequest", request)
    if getattr(request, FOR_JOB, False) or listed.count(most=STREAMED_MAX + 1) <= STREAMED_MAX:
        return SheetResponse(listed)
    assert person.membership is not None, "every list asks for a right"
    job = exported.ask(
        name=name,
        address=request.get_full_path(),
        membership=person.membership,
        actor=actor_of(request),
        at=timezone.now(),
    )
    return redirect("file", job=job.reference)
