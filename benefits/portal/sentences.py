"""The terms of a campaign read back as sentences, one rule each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefits.models import Definition
from benefits.portal import words
from benefits.rules.vocabulary import Kind
from config.money import Money


def of(
    *,
    definition: Definition,
    names: Mapping[str, str],
    payers: Sequence[tuple[str, int]],
    zone: str,
) -> list[str]:
    """Return the rules of ``definition`` in the order in which a customer meets them.

    ``names``: of all it refers to, by reference; ``payers``: who bears what, in bps.
    """
    told = [
        worth(definition=definition),
        _where(definition, names),
        _least(definition),
        _cards(definition, names),
        _together(definition, names),
        _often(definition),
        _when(definition, zone),
        _budget(definition),
        paid_by(payers),
        _given_back(definition),
    ]
    return [sentence for sentence in told if sentence]


def worth(*, definition: Definition) -> str:
    """Return what a benefit is worth, as one sentence: the one that lists show."""
    of_what = _of_what(definition)
    if definition.kind == Kind.POINTS:
        return _points(definition)
    if definition.kind == Kind.GIFT_CARD:
        return _("Pay with what is on the card.")
    if definition.percent_bps is not None:
        told = _("Take %(share)s off %(what)s") % {
            "share": words.percent(definition.percent_bps),
            "what": of_what,
        }
    else:
        told = _("Take %(amount)s off %(what)s") % {
            "amount": _money(definition.amount_minor or 0, definition),
            "what": of_what,
        }
    if definition.cap_minor is None:
        return f"{told}."
    return _("%(told)s, but never more than %(most)s.") % {
        "told": told,
        "most": _money(definition.cap_minor, definition),
    }


def _of_what(definition: Definition) -> str:
    by_unit = definition.kind == Kind.COUPON_ITEM or definition.units_most is not None
    what = _list(definition.skus, _("or")) if definition.skus else _("everything")
    if not by_unit:
        return what
    what = what if definition.skus else _("any article")
    if definition.units_most is None:
        return _("each unit of %(what)s") % {"what": what}
    told = ngettext("%(n)s unit of %(what)s", "%(n)s units of %(what)s", definition.units_most)
    return told % {"n": definition.units_most, "what": what}


def _points(definition: Definition) -> str:
    told = _("Spend points like money")
    if definition.min_spend_minor:
        told += _(", from %(least)s on") % {"least": _money(definition.min_spend_minor, definition)}
    if definition.step_minor > 1:
        told += _(", in steps of %(step)s") % {"step": _money(definition.step_minor, definition)}
    return f"{told}."


def _where(definition: Definition, names: Mapping[str, str]) -> str:
    shops = _named(definition.merchants, names)
    stores = _named(definition.stores, names)
    if stores:
        return _("Only in %(stores)s.") % {"stores": _list(stores, _("or"))}
    if shops:
        return _("At %(shops)s, in every store.") % {"shops": _list(shops, _("or"))}
    return _("At every merchant.")


def _least(definition: Definition) -> str:
    if not definition.min_purchase_minor:
        return ""
    return _("When at least %(least)s of the purchase is left as its turn comes.") % {
        "least": _money(definition.min_purchase_minor, definition)
    }


def _cards(definition: Definition, names: Mapping[str, str]) -> str:
    if definition.kind != Kind.CARD_DISCOUNT:
        return ""
    cards = _named([*definition.issuers, *definition.programmes], names)
    if definition.programmes:
        cards = _named(definition.programmes, names)
    if not cards:
        return _("When the phone pays, with any card.")
    return _("When the phone pays with a card of %(cards)s.") % {"cards": _list(cards, _("or"))}


def _together(definition: Definition, names: Mapping[str, str]) -> str:
    groups = [definition.stack_group] if definition.stack_group else []
    not_with = [
        *(_("another one of the group “%(group)s”") % {"group": each} for each in groups),
        *(_("the group “%(group)s”") % {"group": each} for each in definition.excluded_groups),
        *(f"“{each}”" for each in _named(definition.excluded_definitions, names)),
        *(str(words.KINDS[Kind(each)]).lower() for each in definition.excluded_kinds),
    ]
    if not not_with:
        return _("Together with everything else.")
    return _("Not together with %(others)s.") % {"others": _list(not_with, _("or"))}


def _often(definition: Definition) -> str:
    if definition.kind in {Kind.POINTS, Kind.GIFT_CARD}:
        return ""
    if definition.uses_each is None:
        told = _("Each customer may use it without end")
    elif definition.uses_each == 1:
        told = _("Each customer may use it once")
    else:
        told = _("Each customer may use it %(n)s times") % {"n": f"{definition.uses_each:,}"}
    if definition.uses_in_all is None:
        return f"{told}."
    return _("%(told)s, %(all)s times in all.") % {
        "told": told,
        "all": f"{definition.uses_in_all:,}",
    }


def _when(definition: Definition, zone: str) -> str:
    told = span(starts_at=definition.starts_at, ends_at=definition.ends_at, zone=zone)
    if definition.valid_days is None:
        return f"{told}."
    return _("%(told)s; each is good for %(days)s.") % {
        "told": told,
        "days": days_of(definition.valid_days),
    }


def span(*, starts_at: datetime | None, ends_at: datetime | None, zone: str) -> str:
    """Return from when to when something counts, as a sentence without its full stop; None as
    ``starts_at`` is its publication."""
    told = _("From its publication")
    if starts_at:
        told = _("From %(day)s") % {"day": _moment(starts_at.astimezone(ZoneInfo(zone)))}
    if ends_at:
        told = _("%(told)s until %(end)s") % {
            "told": told,
            "end": _end(ends_at.astimezone(ZoneInfo(zone))),
        }
    else:
        told = _("%(told)s without end") % {"told": told}
    return f"{told} ({zone})" if starts_at or ends_at else told


def days_of(count: int) -> str:
    """Return so many days in words."""
    return ngettext("%(n)s day", "%(n)s days", count) % {"n": count}


def _budget(definition: Definition) -> str:
    if definition.budget_minor is None:
        return ""
    return _("It stops by itself once %(budget)s are spent.") % {
        "budget": _money(definition.budget_minor, definition)
    }


def paid_by(payers: Sequence[tuple[str, int]]) -> str:
    """Return who bears what, by name and bps, as one sentence; nothing of nobody."""
    if not payers:
        return ""
    parts = [f"{name} {words.percent(bps)}" for name, bps in payers]
    return _("Paid by %(payers)s.") % {"payers": _list(parts, _("and"))}


def _given_back(definition: Definition) -> str:
    if definition.kind in {Kind.POINTS, Kind.GIFT_CARD}:
        return _("A refund gives back its part.")
    if definition.kind in {Kind.GRADE, Kind.CARD_DISCOUNT} or not definition.grace_days:
        return ""
    if definition.ends_at is None and definition.valid_days is None:
        return _("A full refund gives it back.")
    return _("A full refund gives it back, until %(days)s after its end.") % {
        "days": days_of(definition.grace_days)
    }


def _named(references: Iterable[str], names: Mapping[str, str]) -> list[str]:
    return [names.get(each, each) for each in references]


def _list(parts: Sequence[str], last: str) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def _money(minor: int, definition: Definition) -> str:
    return str(Money(minor, definition.currency))


def _moment(local: datetime) -> str:
    return date_format(local, "j M Y H:i")


def _end(local: datetime) -> str:
    """Return the first moment after it all as the day before, where that is what it is."""
    if local.time() != time():
        return _moment(local)
    day = date_format(local - timedelta(days=1), "j M Y")
    return _("the end of %(day)s") % {"day": day}
