"""Why a pre-approval is not made, or not taken back; nothing is held in any case."""

from config.refusals import Refused


class CertificateRequired(Refused):
    code = "certificate_required"
    status = 403
    title = "The card has no certificate on this phone yet"


class KindNotAllowed(Refused):
    code = "kind_not_allowed"
    title = "The card's programme does not offer this kind"


class ValidTooLong(Refused):
    code = "valid_too_long"
    title = "The number would be good for longer than the issuer allows"

    def __init__(self, *, valid_max_s: int) -> None:
        super().__init__(f"At most {valid_max_s} seconds.", valid_max_s=valid_max_s)


class PartialNotAllowed(Refused):
    code = "partial_not_allowed"
    title = "The card's programme pays out the whole amount only"


class PickupCodeRequired(Refused):
    code = "pickup_code_required"
    title = "The card's programme wants a pickup code of 4 digits"


class BoundInvalid(Refused):
    code = "bound_invalid"
    title = "No machine could redeem a number bound like this"


class PreapprovalFinal(Refused):
    code = "preapproval_final"
    status = 409
    title = "The pre-approval has ended"

    def __init__(self, *, state: str) -> None:
        super().__init__(f"The pre-approval is {state}.", state=state)


class PreapprovalInProgress(Refused):
    code = "preapproval_in_progress"
    status = 409
    title = "A machine is paying it out"


class WordsMissing(Refused):
    code = "words_missing"
    title = "Say in words why"
