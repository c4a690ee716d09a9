"""What people type into forms of benefits: amounts by currency, shares, lists, days, articles."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _

from benefits.rules.vocabulary import WHOLE_BPS, Item
from config import money
from config.refusals import Refused

ARTICLES_MAX = 50
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(9000, 1, 1)


def minor(typed: str, currency: str, *, least: int = 0) -> int:
    """Return a typed amount in minor units.

    :raises ValidationError: it is no amount of ``currency``, or below ``least``
    """
    try:
        amount = money.parse(typed, currency)
    except Refused as refusal:
        raise forms.ValidationError(refusal.detail, code=refusal.code) from None
    if amount < least:
        raise forms.ValidationError(
            _("It is at least %(least)s.") % {"least": money.text(least, currency)}, code="least"
        )
    if amount > 10**15:
        raise forms.ValidationError(_("That is too much."), code="most")
    return amount


def bps(typed: str) -> int:
    """Return a typed percentage in hundredths of a percent.

    :raises ValidationError: it is not one above 0 and up to 100, with two decimals at most
    """
    match = re.fullmatch(r"(\d{1,3})(?:[.,](\d{1,2}))?\s*%?", typed.strip(), re.ASCII)
    share = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else 0
    if not 1 <= share <= WHOLE_BPS:
        raise forms.ValidationError(
            _("A percentage is above 0 and at most 100, with up to two decimals."), code="percent"
        )
    return share


def names(typed: str) -> list[str]:
    """Return the parts of a list set apart by commas or lines, each once.

    :raises ValidationError: one is longer than 64 characters, or there are more than 50
    """
    found = list(dict.fromkeys(each.strip() for each in re.split(r"[,\n]", typed) if each.strip()))
    if len(found) > ARTICLES_MAX or any(len(each) > 64 for each in found):
        raise forms.ValidationError(_("At most 50, each of up to 64 characters."), code="names")
    return found


def midnight(day: date, zone: str, *, days_after: int = 0) -> datetime:
    """Return the first moment of a day in ``zone``, or of the day so many days after it.

    A day before 1900 or after the year 9000 is that one: at the ends of the calendar the day after,
    and a midnight elsewhere, do not exist.
    """
    whole = min(max(day, _FIRST_DAY), _LAST_DAY) + timedelta(days=days_after)
    local = datetime.combine(whole, time(), ZoneInfo(zone))
    return local.astimezone(UTC)


def items(typed: str, currency: str) -> Sequence[Item]:
    """Return the articles of a basket, one a line: number, how many, what they cost together.

    :raises ValidationError: a line is not that
    """
    lines = [line for line in typed.splitlines() if line.strip()]
    if len(lines) > ARTICLES_MAX:
        raise forms.ValidationError(_("At most 50 articles."), code="articles")
    return [_item(line, currency) for line in lines]


def _item(line: str, currency: str) -> Item:
    parts = line.split()
    if len(parts) not in {2, 3} or (len(parts) == 3 and not re.fullmatch("[0-9]{1,4}", parts[1])):
        raise forms.ValidationError(
            _("“%(line)s”: an article is its number, how many, and what they cost together.")
            % {"line": line.strip()[:40]},
            code="article",
        )
    quantity = int(parts[1]) if len(parts) == 3 else 1
    if not quantity:
        raise forms.ValidationError(_("At least one of each article."), code="quantity")
    return Item(
        sku=parts[0][:64], quantity=quantity, amount_minor=minor(parts[-1], currency, least=1)
    )
