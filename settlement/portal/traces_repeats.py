"""Requests that came again, in words (``settlement.selectors.trace_repeats``)."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.repetitions import Call
from config.templatetags.figures import grouped
from settlement.portal.told import Told

_CALLS: Final[Mapping[str, tuple[str | Promise, str | Promise]]] = {
    Call.BATCH: (gettext_lazy("The batch came again"), gettext_lazy("reader")),
    Call.TAP: (gettext_lazy("The tap was asked about again"), gettext_lazy("reader")),
    Call.COPIES: (gettext_lazy("The phone sent its own copy again"), gettext_lazy("phone")),
    Call.REQUEST: (gettext_lazy("The request to pay came again"), gettext_lazy("terminal")),
    Call.CANCEL: (gettext_lazy("The cancellation came again"), gettext_lazy("terminal")),
    Call.REFUND: (gettext_lazy("The refund was asked for again"), gettext_lazy("terminal")),
    Call.CLAIM: (gettext_lazy("The claim came again"), gettext_lazy("phone")),
    Call.RELEASE: (gettext_lazy("The release came again"), gettext_lazy("phone")),
    Call.DECLINE: (gettext_lazy("The customer's no came again"), gettext_lazy("phone")),
    Call.APPROVE: (gettext_lazy("The approval came again"), gettext_lazy("phone")),
    Call.CHECKOUT: (gettext_lazy("The customer's number came again"), gettext_lazy("till")),
    Call.CONFIRM: (gettext_lazy("The till's confirmation came again"), gettext_lazy("till")),
    Call.ABANDON: (gettext_lazy("The till gave it up again"), gettext_lazy("till")),
    Call.CONSENT: (gettext_lazy("The customer's consent came again"), gettext_lazy("phone")),
    Call.PREAPPROVAL: (gettext_lazy("The wish to approve came again"), gettext_lazy("phone")),
    Call.REDEMPTION: (gettext_lazy("The customer's number came again"), gettext_lazy("machine")),
    Call.COMPLETE: (gettext_lazy("The machine's report came again"), gettext_lazy("machine")),
    Call.REVERSE: (gettext_lazy("The machine took it back again"), gettext_lazy("machine")),
}


def repeated(facts: Mapping[str, Any], _currency: str) -> Told:
    """Return what came again, which time and how; of what was only counted, how often."""
    what, who = _CALLS[facts["call"]]
    if facts["more"]:
        detail = _("%(count)s more until then, by HTTPS") % {"count": grouped(facts["more"])}
    else:
        detail = _("Repetition %(number)s, by HTTPS") % {"number": facts["number"]}
    return Told("neutral", what, _("the shop's server") if facts["by_server"] else who, detail)
