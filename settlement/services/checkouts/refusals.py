"""Why a call on a checkout is refused; nothing is paid in any case."""

from config.refusals import Refused


class CheckoutFinal(Refused):
    code = "payment_final"
    status = 409
    title = "The purchase has ended"

    def __init__(self, *, state: str) -> None:
        super().__init__(f"The checkout is {state}.", state=state)


class ConsentRequired(Refused):
    code = "consent_required"
    status = 409
    title = "The customer's phone is asked, the till cannot confirm"


class ConsentNotAsked(Refused):
    code = "consent_not_asked"
    status = 409
    title = "The till confirms this purchase, the phone is not asked"
