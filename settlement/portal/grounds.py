"""What a payment's liability was decided by, as its page shows it to issuer and shop alike."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from config.templatetags.figures import absolute
from settlement.models.batches import RECORD_BACKDATED
from settlement.portal import words
from settlement.selectors.timeline import Entry, Excepted

type Pairs = list[tuple[str | Promise, str | Promise]]


def pairs(entries: Iterable[Entry], *, time_zone: str) -> Pairs:
    """
    Return label and value of each fact, empty where the cardholder pays and nothing was moved.

    They were kept when the payment posted, with its exception: later listings change nothing.
    """
    kept = [entry.exception for entry in entries if isinstance(entry, Excepted)]
    zone = ZoneInfo(time_zone)
    for item in kept:
        if "listed_at" in item.detail:
            return _lists(item.detail, zone) + _times(item.detail, zone)
    for item in kept:
        if item.kind == RECORD_BACKDATED:
            return _times(item.detail, zone)
    return []


def _lists(detail: dict[str, Any], zone: ZoneInfo) -> Pairs:
    added_in = detail["added_in"]
    return [
        (_("Card listed"), _moment(detail["listed_at"], zone)),
        (_("On the list since"), _version(added_in) if added_in else _("no version yet")),
        (_("Reader says it held"), _version(detail["claimed_version"])),
        (_("Portal had given it"), _version(detail["given_version"])),
    ]


def _times(detail: dict[str, Any], zone: ZoneInfo) -> Pairs:
    tapped, counted = _moment(detail["tapped_at"], zone), _moment(detail["counted_at"], zone)
    if tapped == counted:
        return [(_("Time that counts"), _("%(time)s, as recorded") % {"time": counted})]
    return [
        (_("Time recorded"), tapped),
        (_("Time that counts"), counted),
        (_("Why"), words.BECAUSE.get(detail["because"], "")),
    ]


def _moment(seconds: int, zone: ZoneInfo) -> str:
    return absolute(datetime.fromtimestamp(seconds, UTC).astimezone(zone))


def _version(version: int) -> str:
    return _("version %(version)s") % {"version": f"{version:,}"} if version else _("no list")
