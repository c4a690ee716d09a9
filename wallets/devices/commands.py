"""What an issuer's over-the-air command does to the card it names (protocol section 5.2)."""

from issuers.wire import Action, CardCertificate, Command
from wallets.devices.credential import Credential

_UP_TO_ATC, _USES, _AMOUNT = 1, 2, 3
_CERTIFICATE = 1


class CommandRefused(Exception):
    """The command is not for this phone, or not from the card's issuer. Nothing is acknowledged."""


def apply(*, command: Command, credential: Credential, issuer_key: bytes, at: int) -> None:
    """Apply a verified ``command``, unless its version is not above the newest applied one.

    An older one changes nothing: an unblock that overtook its block keeps the card usable.

    :raises CommandRefused: a new certificate that is not this card's, or older than the one held
    :raises WireError: a new certificate that the issuer's key did not sign
    """
    credential.contacted_at = max(credential.contacted_at, at)
    if command.version <= credential.version:
        return
    match command.action:
        case Action.BLOCK:
            credential.blocked = True
        case Action.UNBLOCK:
            credential.blocked = False
            # The portal lifts what it knows of; a freeze it never heard of stays.
            if credential.freeze_told:
                credential.frozen = credential.freeze_told = False
        case Action.RESET:
            _reset(credential, command)
        case Action.CERTIFICATE:
            _renew(credential, command, issuer_key)
        case Action.WIPE:
            credential.wipe()
    credential.version = command.version


def _reset(credential: Credential, command: Command) -> None:
    """Subtract what the issuer has counted, so that payments after ``up to ATC`` still count."""
    up_to_atc = _number(command, _UP_TO_ATC)
    if up_to_atc > credential.atc:
        raise CommandRefused("The reset counts payments this phone never made.")
    if up_to_atc <= credential.first_atc:
        return  # it counts payments of an older certificate, which these counts never held
    credential.uses = max(0, credential.uses - _number(command, _USES))
    credential.amount_minor = max(0, credential.amount_minor - _number(command, _AMOUNT))


def _renew(credential: Credential, command: Command, issuer_key: bytes) -> None:
    certificate = command.body[_CERTIFICATE]
    assert isinstance(certificate, bytes)  # the command's schema
    fresh = CardCertificate.open(certificate, public_key=issuer_key)
    held = credential.terms
    same = (held.issuer, held.card_token, held.public_key)
    if (fresh.issuer, fresh.card_token, fresh.public_key) != same or fresh.issued < held.issued:
        raise CommandRefused("The certificate is not a newer one of this card on this phone.")
    credential.certificate, credential.terms = certificate, fresh


def _number(command: Command, key: int) -> int:
    value = command.body[key]
    assert isinstance(value, int)  # the command's schema
    return value
