"""Why a call on a request to pay is refused; nothing is authorised in any case (protocol §4.1)."""

from config.refusals import Refused


class TidMalformed(Refused):
    code = "tid_malformed"
    title = "This is not a T-ID"


class TidDigestMismatch(Refused):
    code = "tid_digest_mismatch"
    title = "The T-ID was not made for this amount, currency and order"


class TidReused(Refused):
    code = "tid_reused"
    status = 409
    title = "The T-ID stands for another request"


class WrongTerminal(Refused):
    code = "wrong_terminal"
    status = 403
    title = "The T-ID names another terminal"


class TidUnknown(Refused):
    """The phone may have come first: it asks again, with the same key if it has one."""

    code = "tid_unknown"
    status = 404
    title = "No terminal has asked under this T-ID yet"

    def __init__(self) -> None:
        super().__init__(retry_after_s=1)


class TidClaimed(Refused):
    code = "tid_claimed"
    status = 409
    title = "Another phone is paying this"


class TidNotClaimed(Refused):
    code = "tid_not_claimed"
    status = 409
    title = "This phone holds no claim"


class PaymentFinal(Refused):
    code = "payment_final"
    status = 409
    title = "The payment has ended"

    def __init__(self, *, state: str) -> None:
        super().__init__(f"The payment is {state}.", state=state)


class PaymentApproving(Refused):
    code = "payment_approving"
    status = 409
    title = "The issuer is being asked"


class TerminalRevoked(Refused):
    code = "terminal_revoked"
    title = "The terminal was taken out of service"


class PaymentChanged(Refused):
    code = "payment_changed"
    title = "Merchant, amount or currency are not the portal's"


class CertificateRequired(Refused):
    code = "certificate_required"
    status = 403
    title = "The card has no certificate on this phone yet"


class BillRequired(Refused):
    code = "bill_required"
    title = "The bill of the relay is missing"


class BillAltered(Refused):
    code = "bill_altered"
    title = "The bill is not the one the terminal registered"


class RelayRevoked(Refused):
    code = "relay_revoked"
    title = "The relay was taken out of service"


class RelayUnpaired(Refused):
    code = "relay_unpaired"
    title = "The relay does not work with this terminal"


class BillForeign(Refused):
    code = "bill_foreign"
    title = "The bill, or its relay, is another shop's"


class BillVoided(Refused):
    code = "bill_voided"
    title = "A newer bill took the place of this one"


class BillExpired(Refused):
    code = "bill_expired"
    title = "The bill has expired"


class AlreadyCleared(Refused):
    code = "already_cleared"
    status = 409
    title = "The payment is cleared: refund it"


class AlreadyRefunded(Refused):
    code = "already_refunded"
    status = 409
    title = "The payment is refunded: refund the rest"


class PaymentNotRefundable(Refused):
    code = "payment_not_refundable"
    status = 409
    title = "The payment was never approved, or is reversed"


class ExceedsRefundable(Refused):
    code = "exceeds_refundable"
    title = "This is more than is left of the payment"


class RefundedMeanwhile(Refused):
    code = "refunded_meanwhile"
    status = 409
    title = "Something of the payment was refunded meanwhile"


class QuoteChanged(Refused):
    code = "quote_changed"
    title = "The benefits are worth less than was agreed"


class WholeOnly(Refused):
    code = "refund_whole_only"
    title = "The till took the rest itself: give the whole back"
