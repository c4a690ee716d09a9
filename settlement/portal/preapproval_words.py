"""Pre-approvals and redemptions in the desk's words."""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from config.models import Event
from config.models.devices import DeviceKind
from config.templatetags.figures import span
from settlement.models import Preapproval, Redemption, RedemptionTry, StockItem
from settlement.portal import traces_repeats
from settlement.portal.story import Line
from settlement.portal.words import Look, amount
from settlement.selectors.traced import Traced

_Approved, _Redeemed, _Ending = Preapproval.State, Redemption.State, Preapproval.Ending

KINDS: Final = {
    Preapproval.Kind.CASH: __("Cash withdrawal"),
    Preapproval.Kind.GIFT: __("Gift certificate"),
    Preapproval.Kind.LOTTERY: __("Lottery ticket"),
}
LOOKS: Final = {
    _Approved.APPROVED: Look("ok", __("Approved")),
    _Approved.IN_PROGRESS: Look("info", __("In progress")),
    _Approved.COMPLETED: Look("ok", __("Completed")),
    _Approved.DECLINED: Look("bad", __("Declined")),
    _Approved.EXPIRED: Look("neutral", __("Expired")),
    _Approved.CANCELLED: Look("neutral", __("Cancelled")),
    _Approved.REVERSED: Look("neutral", __("Reversed")),
    _Approved.SUSPENSE: Look("warn", __("Suspense")),
}
REDEMPTION_LOOKS: Final = {
    _Redeemed.IN_PROGRESS: Look("info", __("Paying out")),
    _Redeemed.COMPLETED: Look("ok", __("Paid out")),
    _Redeemed.REVERSED: Look("neutral", __("Nothing came out")),
    _Redeemed.SUSPENSE: Look("warn", __("Suspense")),
}
PAID_IN_PART: Final = Look("warn", __("Paid out in part"))
STOCK_LOOKS: Final = {
    StockItem.State.AVAILABLE: Look("ok", __("In stock")),
    StockItem.State.HELD: Look("info", __("At a customer")),
    StockItem.State.SOLD: Look("neutral", __("Sold")),
    StockItem.State.WITHDRAWN: Look("neutral", __("Withdrawn")),
}
MACHINES: Final = {DeviceKind.ATM: __("ATM"), DeviceKind.TERMINAL: __("Till")}
ENDINGS: Final = {
    _Ending.CUSTOMER: __("by the customer"),
    _Ending.ISSUER: __("by staff"),
    _Ending.TRIES: __("ten bad tries"),
    _Ending.CARD_BLOCKED: __("the card was blocked"),
    _Ending.ACCOUNT_CLOSED: __("the account was closed"),
    _Ending.DEVICE_REVOKED: __("the phone was taken out of service"),
    _Ending.LIMIT_EXCEEDED: __("the limits were lowered"),
}
DECLINES: Final = {
    "card_blocked": __("the card is blocked"),
    "insufficient_funds": __("the account does not have the amount"),
    "limit_exceeded": __("above a limit"),
    "velocity": __("asked too often in a short time"),
    "issuer_refused": __("the issuer said no"),
}
_NEXT: Final = {
    _Approved.IN_PROGRESS: __("a machine is paying it out"),
    _Approved.SUSPENSE: __("the desk decides what came out"),
}
TRIES: Final = {
    "wrong_kind": __("Wrong kind at a machine"),
    "wrong_terminal": __("Presented at a machine where it does not work"),
    "amount_mismatch": __("Wrong amount keyed"),
    "pickup_code_invalid": __("Wrong pickup code"),
}
EVENTS: Final = {
    "preapproval.approved": Look("ok", __("Approved and held")),
    "preapproval.declined": Look("bad", __("Declined")),
    "preapproval.in_progress": Look("info", __("A machine locked the number")),
    "preapproval.completed": Look("ok", __("Paid out and posted")),
    "preapproval.reversed": Look("neutral", __("Nothing came out, the hold is released")),
    "preapproval.given_back": Look("info", __("The machine lacked the notes, the number is good")),
    "preapproval.suspended": Look("warn", __("Parked in suspense")),
    "preapproval.cancelled": Look("neutral", __("Cancelled, the hold is released")),
    "preapproval.expired": Look("neutral", __("Expired, the hold is released")),
}


def next_of(row: Preapproval, *, at: datetime, zone: tzinfo) -> str:
    """Return what comes next of a pre-approval, or how it ended, in a few words."""
    if row.state == _Approved.APPROVED:
        until = f"{row.valid_until.astimezone(zone):%H:%M:%S}"
        left = span((row.valid_until - at).total_seconds())
        return _("until %(until)s, %(left)s left") % {"until": until, "left": left}
    if row.state == _Approved.EXPIRED and row.ended_at is not None:
        ended = f"{row.ended_at.astimezone(zone):%H:%M:%S}"
        return _("hold released at %(ended)s") % {"ended": ended}
    if row.dispensed_minor not in (None, row.amount_minor):
        return _("%(paid)s of it") % {"paid": amount(row.dispensed_minor, row.currency)}
    return str(_NEXT.get(_Approved(row.state)) or _why(row))


def _why(row: Preapproval) -> str | Promise:
    """Return why a pre-approval was declined or cancelled, "" for any other."""
    if row.decline_reason:
        return DECLINES.get(row.decline_reason, row.decline_reason)
    return ENDINGS.get(_Ending(row.ending), row.ending) if row.ending else ""


def place_of(row: Preapproval) -> str:
    """Return where alone a number works, in words."""
    parts = [str(MACHINES[DeviceKind(row.bound_kind)])] if row.bound_kind else []
    if row.bound_terminal is not None:
        parts.append(row.bound_terminal.name)
    elif row.bound_merchant is not None:
        parts.append(row.bound_merchant.name)
    else:
        parts.append(_("any"))
    return ", ".join(parts) if len(parts) > 1 or row.bound_terminal else _("anywhere")


def redemption_look(row: Redemption) -> Look:
    """Return the state of a redemption as a pill shows it; a part that came out shows in it."""
    if row.state == _Redeemed.COMPLETED and row.dispensed_minor < row.amount_minor:
        return PAID_IN_PART
    return REDEMPTION_LOOKS[_Redeemed(row.state)]


def story(
    *, events: Iterable[Event], tries: Iterable[RedemptionTry], repeated: Iterable[Traced]
) -> list[Line]:
    """Return all that happened to a pre-approval, newest first."""
    lines = [_happened(event) for event in events] + [_tried(one) for one in tries]
    lines += [_again(one) for one in repeated]
    return sorted(lines, key=lambda line: (line.at, line.rank))[::-1]


def _happened(event: Event) -> Line:
    look = EVENTS.get(event.type) or Look("neutral", event.type)
    body = event.body.get("redemption", {})
    return Line(
        rank=1,
        tone=look.tone,
        what=look.word,
        who=body.get("device", ""),
        at=event.at,
        detail=_detail(event.body.get("preapproval", {}), body),
    )


def _detail(approved: Mapping[str, Any], redeemed: Mapping[str, Any]) -> str | Promise:
    currency = str(approved.get("currency", ""))
    if redeemed.get("dispensed"):
        return amount(redeemed["dispensed"], currency)
    if redeemed:
        return amount(redeemed["amount"], currency)
    if reason := approved.get("decline_reason"):
        return DECLINES.get(str(reason), str(reason))
    if ending := approved.get("ending"):
        return ENDINGS[_Ending(ending)]
    return amount(approved["amount"], currency) if approved.get("amount") else ""


def _again(one: Traced) -> Line:
    said = traces_repeats.repeated(one.facts, "")
    return Line(rank=0, tone=said.tone, what=said.what, who=said.who, at=one.at, detail=said.detail)


def _tried(one: RedemptionTry) -> Line:
    what = TRIES.get(one.reason, one.reason)
    return Line(rank=0, tone="warn", what=what, who=one.device.name, at=one.at)
