"""Why a machine does not get to pay out, or its report is not taken (protocol §7)."""

from typing import Final

from config.refusals import Refused
from settlement.rules.redeeming import BadTry


class NumberMalformed(Refused):
    code = "number_malformed"
    title = "This is not an approval number"


class CashAtTill(Refused):
    code = "wrong_kind"
    status = 403
    title = "Only an ATM gives cash"


class NumberUnknown(Refused):
    code = "number_unknown"
    status = 404
    title = "There is no such number"


class NumberExpired(Refused):
    code = "number_expired"
    title = "This number's time is over"


class NumberCancelled(Refused):
    code = "number_cancelled"
    title = "This number was cancelled"


class NumberUsed(Refused):
    code = "number_used"
    status = 409
    title = "This number was used, or is at a machine"


class KindMismatch(Refused):
    code = "wrong_kind"
    status = 403
    title = "The number is for something else"


class WrongTerminal(Refused):
    code = "wrong_terminal"
    title = "The number does not work at this machine"


class AmountMismatch(Refused):
    code = "amount_mismatch"
    title = "This is not the amount that was approved"


class PickupCodeInvalid(Refused):
    code = "pickup_code_invalid"
    title = "The pickup code does not fit"


class CardBlocked(Refused):
    code = "card_blocked"
    title = "The card was blocked since"


class AccountWasClosed(Refused):
    code = "account_closed"
    title = "The account was closed since"


class DeviceWasRevoked(Refused):
    code = "device_revoked"
    title = "The phone that made the number was taken out of service"


class LimitExceeded(Refused):
    code = "limit_exceeded"
    title = "The issuer's limits were lowered below this since"


class RequestReversed(Refused):
    code = "redemption_reversed"
    status = 409
    title = "The machine took this request back"


class RedemptionFinal(Refused):
    code = "redemption_final"
    status = 409
    title = "The redemption has ended otherwise"

    def __init__(self, *, state: str) -> None:
        super().__init__(f"The redemption is {state}.", state=state)


class DispensedInvalid(Refused):
    code = "dispensed_invalid"
    title = "Outcome and amount dispensed contradict each other"


class NotInSuspense(Refused):
    code = "not_in_suspense"
    status = 409
    title = "The redemption does not wait for anybody"


class ProposalWaits(Refused):
    code = "proposal_waits"
    status = 409
    title = "What somebody else proposed waits for a second person"


class WordsMissing(Refused):
    code = "words_missing"
    title = "Say what the machine's journal shows"


OF_TRY: Final[dict[BadTry, type[Refused]]] = {
    BadTry.KIND: KindMismatch,
    BadTry.TERMINAL: WrongTerminal,
    BadTry.AMOUNT: AmountMismatch,
    BadTry.PICKUP_CODE: PickupCodeInvalid,
}
# Why it was cancelled when a machine presented it: the same word to who presents it again.
OF_ENDING: Final[dict[str, type[Refused]]] = {
    "CARD_BLOCKED": CardBlocked,
    "ACCOUNT_CLOSED": AccountWasClosed,
    "DEVICE_REVOKED": DeviceWasRevoked,
    "LIMIT_EXCEEDED": LimitExceeded,
}
