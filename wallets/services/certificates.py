"""A card goes on a phone as its programme's rule says: at once, after a step-up, or with staff."""

from datetime import datetime

from django.db import transaction

from config.models import Device
from issuers.models import Card, CertificateRequest, Credential, Programme
from issuers.services import certificate_requests, credentials, wipes
from wallets.services import authentications, pins

_Rule = Programme.CertificateRule


def ask(
    *, card: Card, device: Device, public_key: bytes, authentication: str, at: datetime
) -> Credential | None:
    """Return the credential with its certificate, or None while staff have to agree.

    AUTO: at once. STEP_UP: ``authentication`` is used up together with the issue, or neither
    happens. STAFF: the very key that was agreed to, once; asked again it is the same credential. A
    phone that was wiped as lost or stolen always asks staff: whoever has it may not be its owner. A
    locked phone gets no card by any rule.

    :raises DeviceLocked: wrong PIN codes or failed proofs locked the phone
    :raises AuthenticationRequired: STEP_UP, and no live authentication of this phone
    :raises CertificateRefused: STAFF, and they refused this key
    :raises WrongKind, NotFound, DeviceRevoked, PublicKeyInvalid: as :func:`credentials.check`
    :raises CardClosed, AccountClosed, TooManyCertificates: as :func:`credentials.reserve`
    """
    rule = card.programme.certificate_rule
    if rule == _Rule.STAFF or wipes.is_lost(device=device):
        credential = _agreed(card, device, public_key, at)
    else:
        proof = authentication if rule == _Rule.STEP_UP else None
        credential = _reserve(card, device, public_key, proof, at)
    if credential is not None:
        credentials.certificate_of(credential=credential, at=at)
    return credential


@transaction.atomic
def _reserve(
    card: Card, device: Device, public_key: bytes, proof: str | None, at: datetime
) -> Credential:
    pins.require_unlocked(device=device)
    # A crash before the signature used the proof up, and the credential stands: it is completed.
    if proof is not None and not credentials.unsigned_of(
        card=card, device=device, public_key=public_key
    ):
        authentications.consume(device=device, authentication=proof, at=at)
    return credentials.reserve(card=card, device=device, public_key=public_key, at=at)


@transaction.atomic
def _agreed(card: Card, device: Device, public_key: bytes, at: datetime) -> Credential | None:
    pins.require_unlocked(device=device)
    request = certificate_requests.ask(card=card, device=device, public_key=public_key, at=at)
    match request.state:
        case CertificateRequest.State.DONE:
            return request.credential
        case CertificateRequest.State.AGREED:
            credential = credentials.reserve(card=card, device=device, public_key=public_key, at=at)
            certificate_requests.fulfil(request=request, credential=credential)
            return credential
        case _:
            return None
