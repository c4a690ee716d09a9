"""Figures as people read them: amounts, counts, moments, ids and the small trend beside a tile."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from config import money

register = template.Library()

SPARK_WIDTH, SPARK_HEIGHT, SPARK_INSET = 72, 28, 3


@register.simple_tag
def amount(amount_minor: int | None, currency: str = "") -> SafeString:
    """Return ``12,500 <small>KRW</small>`` for minor units (ISO 4217), or a muted "none".

    :raises config.money.UnknownCurrency: the code is not in ISO 4217
    """
    if amount_minor is None:
        return nothing()
    return format_html("{} <small>{}</small>", money.text(amount_minor, currency), currency)


@register.filter
def grouped(number: int | None) -> str | SafeString:
    """Return a count with its thousands set apart: 48,210; the minus is a true one."""
    if number is None:
        return nothing()
    return f"{number:,}".replace("-", money.MINUS)


@register.simple_tag
def nothing() -> SafeString:
    """Return the muted word an empty cell shows; a dash there could be read as a minus."""
    return format_html('<span class="muted">{}</span>', _("none"))


def zone_of(context: Context) -> tzinfo:
    """Return the tenant's zone (``time_zone`` of the page) or, outside a page, the active one."""
    name = context.get("time_zone")
    return ZoneInfo(name) if isinstance(name, str) and name else timezone.get_current_timezone()


def _wall(moment: datetime, today: date) -> str:
    """Return a moment as short as its distance from ``today`` allows: clock, day, year."""
    if moment.date() == today:
        return f"{moment:%H:%M:%S}"
    day = date_format(moment, "j M" if moment.year == today.year else "j M Y")
    return f"{day} {moment:%H:%M}"


def absolute(moment: datetime) -> str:
    """Return ``22 Nov 2026 14:02:31 Asia/Seoul`` for a moment that already stands in its zone."""
    zone = getattr(moment.tzinfo, "key", None) or moment.tzname() or ""
    return f"{date_format(moment, 'j M Y')} {moment:%H:%M:%S} {zone}".rstrip()


def _time_tag(moment: datetime, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        absolute(moment),
        words,
    )


@register.simple_tag(takes_context=True)
def when(context: Context, moment: datetime | None, style: str = "short") -> SafeString:
    """Return a ``<time>`` in the tenant's zone; the full moment with its zone is its title.

    ``style``: ``short`` (the clock today, else day and clock), ``full``, ``day``, ``clock``.
    """
    if moment is None:
        return nothing()
    local = moment.astimezone(zone_of(context))
    words = {
        "full": lambda: absolute(local),
        "day": lambda: date_format(local, "j M Y"),
        "clock": lambda: f"{local:%H:%M:%S}",
        "short": lambda: _wall(local, timezone.now().astimezone(local.tzinfo).date()),
    }[style]()
    return _time_tag(local, words)


@register.simple_tag(takes_context=True)
def present(context: Context) -> SafeString:
    """Return the moment the page was drawn, in full: what a person reads out to support."""
    now = timezone.now().astimezone(zone_of(context))
    return _time_tag(now, absolute(now))


def span(seconds: float) -> str:
    """Return a duration in its largest whole unit: 12 s, 22 min, 3 h, 6 days."""
    whole = max(0, int(seconds))
    if whole < 60:
        return _("%(n)s s") % {"n": whole}
    if whole < 3600:
        return _("%(n)s min") % {"n": whole // 60}
    if whole < 2 * 86400:
        return _("%(n)s h") % {"n": whole // 3600}
    return _("%(n)s days") % {"n": whole // 86400}


@register.simple_tag(takes_context=True)
def ago(context: Context, moment: datetime | None) -> SafeString:
    """Return "22 min ago" as a ``<time>`` whose title is the moment itself; None reads "never"."""
    if moment is None:
        return format_html('<span class="muted">{}</span>', _("never"))
    local = moment.astimezone(zone_of(context))
    past = (timezone.now().astimezone(UTC) - moment.astimezone(UTC)).total_seconds()
    return _time_tag(local, _("%(span)s ago") % {"span": span(past)})


def shortened(text: str, head: int = 7, tail: int = 4) -> str:
    """Return the two ends of a long id, enough to tell two apart at a glance."""
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[-tail:]}"


@register.simple_tag
def short_id(text: object) -> SafeString:
    """Return a long id as ``T0M7K2Q…D25M`` in mono; the whole id is its title."""
    whole = str(text)
    return format_html('<span class="mono" title="{}">{}</span>', whole, shortened(whole))


@register.simple_tag
def tid(text: str) -> SafeString:
    """Return a T-ID in groups of four, to be read out loud; it copies without the gaps."""
    fours = ((text[at : at + 4],) for at in range(0, len(text), 4))
    return format_html(
        '<span class="tid">{}</span>', format_html_join("", "<span>{}</span>", fours)
    )


def _points(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return the curve's corners in its box, the highest value on top; a flat run lies midway."""
    low, high = min(values), max(values)
    reach = SPARK_HEIGHT - 2 * SPARK_INSET
    step = SPARK_WIDTH / (len(values) - 1)
    lifts = [(value - low) / (high - low) if high > low else 0.5 for value in values]
    return [(at * step, SPARK_HEIGHT - SPARK_INSET - lift * reach) for at, lift in enumerate(lifts)]


@register.simple_tag
def spark(values: Sequence[float]) -> SafeString:
    """Return the trend beside a tile's number, oldest value first; one value draws nothing."""
    if len(values) < 2:
        return mark_safe("")
    points = _points(values)
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return format_html(
        '<svg class="spark" viewBox="0 0 {w} {h}" aria-hidden="true">'
        '<path class="area" d="{line}V{h}H0Z"/><path d="{line}"/>'
        '<circle class="end" cx="{x}" cy="{y}" r="2.4"/></svg>',
        w=SPARK_WIDTH,
        h=SPARK_HEIGHT,
        line=line,
        x=f"{points[-1][0]:.1f}",
        y=f"{points[-1][1]:.1f}",
    )
