"""What a reader shows a phone, and whether it may be trusted (protocol section 5)."""

from config.wire import trust
from config.wire.errors import WireError
from merchants.wire import Challenge, ReaderCertificate
from wallets.devices.credential import CardRefused, Offer, Refusal


def examine(*, trusted: trust.TrustList, certificate: bytes, challenge: bytes, at: int) -> Offer:
    """Return what a reader asks for, once its certificate and its challenge prove genuine.

    :raises CardRefused: the platform did not certify this reader, or not any more, or the
        challenge is not that reader's
    """
    try:
        platform_key = trusted.key_for(holder=trust.PLATFORM, signed=certificate, at=at)
        reader = ReaderCertificate.open(certificate, public_key=platform_key)
    except WireError as wrong:
        raise CardRefused(Refusal.READER_UNTRUSTED) from wrong
    if at >= reader.expires:
        raise CardRefused(Refusal.READER_UNTRUSTED)
    try:
        asked = Challenge.open(challenge, public_key=reader.public_key)
    except WireError as wrong:
        raise CardRefused(Refusal.CHALLENGE_INVALID) from wrong
    if asked.device != reader.device:
        raise CardRefused(Refusal.CHALLENGE_INVALID)
    return Offer(
        merchant=reader.merchant,
        merchant_name=reader.merchant_name,
        reader=reader.device,
        amount_minor=asked.amount,
        currency=asked.currency,
        nonce=asked.nonce,
        at=asked.at,
    )
