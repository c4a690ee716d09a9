"""Offline records as a phone signs them, without a reader in front."""

import time

from wallets.wire import OfflineRecord, RecordKind, Verification


def signed_record(handset, card, held, *, amount=12_500, atc=1):
    """Return a sale's record under the credential's key."""
    from issuers.wire import CardCertificate

    return OfflineRecord(
        card_token=bytes(card.token),
        certificate_serial=CardCertificate.peek(held.certificate).serial,
        atc=atc,
        kind=RecordKind.SALE,
        amount=amount,
        currency="KRW",
        reader="RDR-1",
        reader_nonce=bytes(16),
        at=int(time.time()),
        uses=1,
        cumulative=amount,
        ota_version=0,
        verified=Verification.PIN_OR_BIOMETRIC,
    ).sign(key=held.key)
