"""What a till says of the code that a customer shows: which number it is, and why it is not taken.

A till may meet five numbers (protocol §2); this field takes one kind, with or without payment.
"""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.wire.numbers import NumberKind, kind_of

TAKEN: Final = frozenset({NumberKind.TSN, NumberKind.TSN_PSN})

_OTHERS: Final[dict[NumberKind, Promise]] = {
    NumberKind.TID: gettext_lazy(
        "This is a T-ID, the number of a sale. The customer's phone pays it: leave this field "
        "empty, charge, and show the code that appears."
    ),
    NumberKind.APPROVAL: gettext_lazy(
        "This is a pre-approval number, money its owner set apart. It is no code of benefits: it "
        "is redeemed by itself, at a terminal or a cash machine."
    ),
    NumberKind.OFFLINE_CODE: gettext_lazy(
        "This is the approval code of a receipt, of a sale that is paid. The search finds it; "
        "nothing is charged by it."
    ),
}
_REFUSALS: Final[dict[str, Promise]] = {
    "number_malformed": gettext_lazy(
        "A digit is mistyped. Compare the code with the phone; this counts as no wrong code."
    ),
    "tsn_unknown": gettext_lazy(
        "No phone shows this code. Compare it once more: ten wrong codes within 30 minutes lock "
        "this till's look-ups."
    ),
    "tsn_expired": gettext_lazy(
        "The code's time is over. The customer makes a new one on the phone."
    ),
    "tsn_cancelled": gettext_lazy(
        "The code was replaced by a newer one, or burnt by a wrong payment number. The phone "
        "shows or makes the one that counts."
    ),
    "tsn_used": gettext_lazy(
        "The code was used, or it is at another till just now. The customer makes a new one."
    ),
    "psn_invalid": gettext_lazy(
        "The payment number in the code does not fit, so the code is burnt and nothing is paid. "
        "The customer makes a new one and types the PIN with care."
    ),
    "psn_expired": gettext_lazy(
        "The code pays for 3 minutes, and they are over. Its first 16 digits still bring the "
        "benefits; to pay by phone the customer makes a new one."
    ),
    "psn_used": gettext_lazy(
        "The payment number was used. The code's first 16 digits still bring the benefits; to pay "
        "by phone the customer makes a new one."
    ),
    "card_required": gettext_lazy(
        "No card stands behind this code, so its phone cannot pay. Type the first 16 digits alone."
    ),
}


def other_number(code: str) -> str:
    """Return what ``code`` is where it is none of a plan, and what to do; "" where it is one."""
    kind = kind_of(code)
    if kind in TAKEN:
        return ""
    if kind is None:
        return _("This is no customer's code. It has 16 digits and begins with 9, or 26 to pay.")
    return str(_OTHERS[kind])


def refusal(*, code: str, wait_s: int) -> str:
    """Return why a code was not taken and what to do, by its stable ``code``; one without words
    stands for itself."""
    if code == "lookup_locked":
        return _(
            "Too many wrong codes came from this till. It takes codes again in %(minutes)s min; "
            "sales without a code go on."
        ) % {"minutes": -(-wait_s // 60)}
    return str(_REFUSALS.get(code, code))
