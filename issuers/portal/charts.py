"""Drawings the server makes: the share of readers that hold a version, over time, as one path."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from config.templatetags.figures import span
from issuers.portal import words

TABLE_AT = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
LEAST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A rising curve in a box of 100 by 100, its marks below, and the table behind it.

    ``rows``: how long after publication, how many readers held the version, and their share.
    """

    path: str
    ticks: Sequence[str]
    rows: Sequence[tuple[str, int, str]]
    half_after: str
    all_after: str


def curve_of(*, delays: Sequence[timedelta], readers: int, age: timedelta) -> Curve | None:
    """Return the spread of a version: ``delays`` ascending, of ``readers``, seen over ``age``.

    Nothing is drawn before the first reader has it, or without readers.
    """
    if not delays or not readers:
        return None
    width = max(min(max(delays[-1] * 1.25, LEAST), max(age, LEAST)), LEAST)
    return Curve(
        path=_path(delays, readers, width),
        ticks=[span(0), span(width.total_seconds() / 2), span(width.total_seconds())],
        rows=_rows(delays, readers, age),
        half_after=_after(delays, (readers + 1) // 2),
        all_after=_after(delays, readers),
    )


def _path(delays: Sequence[timedelta], readers: int, width: timedelta) -> str:
    steps = ["M0 100"]
    for count, delay in enumerate(delays, start=1):
        x = min(delay / width, 1) * 100
        y = 100 - min(count / readers, 1) * 100
        steps.append(f"H{x:.1f}V{y:.1f}")
    return "".join([*steps, "H100"])


def _rows(delays: Sequence[timedelta], readers: int, age: timedelta) -> list[tuple[str, int, str]]:
    moments = [after for after in TABLE_AT if after < age] + [age]
    counts = [sum(delay <= after for delay in delays) for after in moments]
    return [
        (span(after.total_seconds()), count, words.percent(count, readers))
        for after, count in zip(moments, counts, strict=True)
    ]


def _after(delays: Sequence[timedelta], count: int) -> str:
    """Return how long it took until ``count`` readers held it, "" if they do not yet."""
    return span(delays[count - 1].total_seconds()) if len(delays) >= count else ""
