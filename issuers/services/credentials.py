"""The credential of a card on a phone: list number, reserve and certificate (protocol §3.1, §5).

Locks are taken in this order: the phone's row (shared), the card's row, its account, the issuer's
row that counts list numbers. All a certificate says is written in that one transaction; only then,
with nothing locked, is it signed. A crash between leaves a row whose certificate the next call
signs.
"""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Max, Q

from config import keys
from config.models import Device
from config.models.devices import DeviceKind
from config.refusals import NotFound, Refused
from config.wire.errors import Malformed
from config.wire.keys import load_public
from issuers.models import (
    Account,
    Card,
    Credential,
    OfflineProfileVersion,
    OtaCommand,
    Programme,
)
from issuers.services import accounts, commands, profiles
from issuers.services.accounts import AccountClosed
from issuers.services.blacklist import listing
from issuers.services.blacklist.listing import CardClosed
from issuers.wire import CardCertificate, OfflineProfile

_AN_HOUR = timedelta(hours=1)
# As long as the portal takes records of an expired certificate's time (`too_late`, protocol §5).
RESERVE_KEPT = timedelta(days=8)
_RELEASED_AT_ONCE = 1000


class WrongKind(Refused):
    code = "wrong_kind"
    status = 403
    title = "Only a phone carries cards"


class DeviceRevoked(Refused):
    code = "device_revoked"
    status = 403
    title = "This phone was revoked"


class PublicKeyInvalid(Refused):
    code = "public_key_invalid"
    title = "This is not a P-256 public key of 65 bytes"


class TooManyCertificates(Refused):
    code = "too_many_certificates"
    status = 429
    title = "This phone asked for too many certificates of this card"


def issue(*, card: Card, device: Device, public_key: bytes, at: datetime) -> Credential:
    """Put ``card`` on a phone of its holder: the next list number, a reserve and a certificate.

    Nobody is asked first: a programme's rule is the caller's to keep (``wallets``). The certificate
    is signed with nothing locked (:func:`reserve` writes all that it says).

    :raises WrongKind, NotFound, DeviceRevoked, PublicKeyInvalid: as :func:`reserve`
    :raises CardClosed, AccountClosed, TooManyCertificates: as :func:`reserve`
    """
    with transaction.atomic():
        credential = reserve(card=card, device=device, public_key=public_key, at=at)
    certificate_of(credential=credential, at=at)
    return credential


def certificate_of(*, credential: Credential, at: datetime) -> bytes:
    """Return the certificate, signing it now where a crash prevented that."""
    if credential.certificate is None:
        signed = told(credential=credential).sign(
            key=keys.signer(holder=credential.issuer.reference, at=at)
        )
        unsigned = Credential.objects.filter(pk=credential.pk, certificate=None)
        if unsigned.update(certificate=signed) == 1:
            credential.certificate = signed
        else:
            credential.refresh_from_db(fields=["certificate"])
    assert credential.certificate is not None
    return bytes(credential.certificate)


def check(*, card: Card, device: Device, public_key: bytes) -> None:
    """Refuse a card on a phone that can never come to be.

    :raises WrongKind: ``device`` is no phone
    :raises NotFound: the phone is not the card holder's
    :raises DeviceRevoked: the phone was revoked
    :raises PublicKeyInvalid: ``public_key`` is no point of P-256
    """
    if device.kind != DeviceKind.PHONE:
        raise WrongKind
    if device.owner != card.account.holder:
        raise NotFound
    if device.state != Device.State.ACTIVE:
        raise DeviceRevoked
    try:
        load_public(public_key)
    except Malformed as wrong:
        raise PublicKeyInvalid from wrong


def present(*, device: Device) -> Device:
    """Return the phone as it is now, before any card is locked.

    A revocation waits for us, or we see it; the foreign keys of what a block writes wait for
    neither.
    """
    return Device.objects.raw(_LOCK_SHARED, [device.pk])[0]


_LOCK_SHARED = "SELECT * FROM config_device WHERE id = %s FOR SHARE"


def unsigned_of(*, card: Card, device: Device, public_key: bytes) -> Credential | None:
    """Return the credential of that very key whose certificate a crash left unsigned."""
    mine = Credential.objects.filter(card=card, device=device)
    return mine.filter(_unsigned(public_key)).first()


def _unsigned(public_key: bytes) -> Q:
    return Q(public_key=public_key, state=Credential.State.ACTIVE, certificate=None)


def _is_unsigned(one: Credential, public_key: bytes) -> bool:
    is_open = one.state == Credential.State.ACTIVE and one.certificate is None
    return is_open and bytes(one.public_key) == public_key


def reserve(*, card: Card, device: Device, public_key: bytes, at: datetime) -> Credential:
    """Write all that a certificate will say; :func:`certificate_of` signs it afterwards.

    In the transaction of the caller, who undoes it where this refuses.

    The credential that phone had for the card retires; its reserve stays until records of its time
    can no longer come. Reserved, and stated as the certificate's cumulative cap, is the smaller of
    the profile's cumulative cap and what the account has available, in minor units. A stopped
    card's new number is listed too, and the block waits for the phone as its first command. Asked
    again for a key whose certificate was never signed, it is that one which is completed.

    :raises WrongKind, NotFound, DeviceRevoked, PublicKeyInvalid: as :func:`check`
    :raises CardClosed: the card is closed
    :raises AccountClosed: its account is closed
    :raises TooManyCertificates: ``CERTIFICATES_PER_HOUR`` of this card on this phone are out
    """
    check(card=card, device=present(device=device), public_key=public_key)
    held = (
        Card.objects.select_for_update(no_key=True, of=("self",))
        .select_related("programme", "issuer")
        .get(pk=card.pk)
    )
    if held.state == Card.State.CLOSED:
        raise CardClosed
    mine = Credential.objects.filter(card=held, device=device)
    lately = list(mine.filter(_unsigned(public_key) | Q(issued_at__gt=at - _AN_HOUR)))
    for one in lately:
        if _is_unsigned(one, public_key):
            return one
    _check_pace(lately, at)
    profile = profiles.in_force(programme=held.programme, at=at)
    reserve_minor = _set_aside(held, profile)
    # The phone goes on from the ATC it has, with counts of nothing (protocol §5).
    reached = _retire(held, device)
    credential = Credential.objects.create(
        issuer=held.issuer,
        card=held,
        device=device,
        profile=profile,
        list_number=_next_list_number(held.issuer_id),
        serial=secrets.token_bytes(8),
        public_key=public_key,
        cumulative_cap_minor=reserve_minor,
        reserve_minor=reserve_minor,
        reset_atc=reached,
        posted_atc=reached,
        since_version=held.ota_version,
        **dates(programme=held.programme, profile=profile, at=at),
    )
    _tell_state(held, device, at)
    return credential


def _check_pace(lately: Sequence[Credential], at: datetime) -> None:
    """Keep one phone from using up list numbers, which every reader's list grows by."""
    times = sorted(one.issued_at for one in lately if one.issued_at > at - _AN_HOUR)
    if len(times) >= settings.CERTIFICATES_PER_HOUR:
        left = times[-settings.CERTIFICATES_PER_HOUR] + _AN_HOUR - at
        raise TooManyCertificates(retry_after_s=max(1, -(-left // timedelta(seconds=1))))


def _retire(card: Card, device: Device) -> int:
    """Retire what the phone has of a card; return the highest ATC posted of it, 0 of nothing.

    The account is locked, so that no record posts meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RETIRE, [card.pk, device.pk])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


_RETIRE = """
UPDATE issuers_credential SET state = 'RETIRED'
 WHERE card_id = %s AND device_id = %s AND state = 'ACTIVE' RETURNING posted_atc
"""


def _set_aside(card: Card, profile: OfflineProfileVersion) -> int:
    account = accounts.lock(account_ids=[card.account_id])[card.account_id]
    if account.state == Account.State.CLOSED:
        raise AccountClosed
    # Nothing available still makes a certificate: the card needs one to pay online (§3.1).
    reserve_minor = max(0, min(profile.cumulative_cap_minor, account.available_minor))
    account.offline_reserve_minor += reserve_minor
    account.save(update_fields=["offline_reserve_minor"])
    return reserve_minor


def _next_list_number(issuer_id: int) -> int:
    """Take the issuer's next number: dense, for it commits or rolls back with its credential."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_LIST_NUMBER, [issuer_id])
        (number,) = cursor.fetchone()
    return int(number)


_NEXT_LIST_NUMBER = """
UPDATE issuers_issuer SET next_list_number = next_list_number + 1
 WHERE id = %s RETURNING next_list_number - 1
"""


def dates(
    *, programme: Programme, profile: OfflineProfileVersion, at: datetime
) -> dict[str, datetime]:
    """Return when a certificate made at ``at`` is issued, must contact again and expires."""
    issued_at = at.replace(microsecond=0)  # certificates count in seconds
    expires_at = issued_at + timedelta(days=programme.certificate_days)
    contact_by = min(issued_at + timedelta(days=profile.contact_days), expires_at)
    return {"issued_at": issued_at, "contact_by": contact_by, "expires_at": expires_at}


def _tell_state(card: Card, device: Device, at: datetime) -> None:
    """Let a phone learn where the card stands before its first use of it (mission §1).

    Nothing is said to a phone that never heard otherwise. To one that did, the word now bears a
    version above all it ever got, and its acknowledgement covers what never reached it.
    """
    entry = listing.open_of(card=card)
    if entry is not None:
        listing.list_numbers(entry=entry, at=at)
        commands.queue(card=card, action=OtaCommand.Action.BLOCK, at=at, entry=entry, device=device)
    elif _heard_otherwise(card, device):
        commands.queue(card=card, action=OtaCommand.Action.UNBLOCK, at=at, device=device)


def _heard_otherwise(card: Card, device: Device) -> bool:
    told = OtaCommand.objects.filter(card=card, device=device).aggregate(
        open=Count("pk", filter=~Q(state=OtaCommand.State.APPLIED)),
        blocked=Max("version", filter=Q(action=OtaCommand.Action.BLOCK), default=0),
        freed=Max("version", filter=Q(action=OtaCommand.Action.UNBLOCK), default=0),
    )
    return bool(told["open"] or told["blocked"] > told["freed"])


def told(*, credential: Credential) -> CardCertificate:
    """Return what the credential's certificate says, to be signed; all of it stands in the row."""
    profile = credential.profile
    return CardCertificate(
        issuer=credential.issuer.reference,
        card_token=bytes(credential.card.token),
        public_key=bytes(credential.public_key),
        profile=OfflineProfile(
            currency=credential.card.programme.currency,
            per_payment_cap=profile.per_payment_cap_minor,
            lower_uses=profile.lower_uses,
            upper_uses=profile.upper_uses,
            cumulative_cap=credential.cumulative_cap_minor,
            contact_by=int(credential.contact_by.timestamp()),
            version=profile.version,
            unverified_cap=profile.unverified_cap_minor,
        ),
        issued=int(credential.issued_at.timestamp()),
        expires=int(credential.expires_at.timestamp()),
        serial=bytes(credential.serial),
        list_number=credential.list_number,
    )


def release_expired(*, at: datetime) -> int:
    """Give back what is left of reserves whose certificates ended 8 days ago; return how many."""
    released = 0
    while part := _release_some(at):
        released += part
    return released


@transaction.atomic
def _release_some(at: datetime) -> int:
    due = Credential.objects.filter(
        reserve_released_at=None, expires_at__lte=at - RESERVE_KEPT
    ).order_by("expires_at")
    found = dict(due.values_list("pk", "card__account_id")[:_RELEASED_AT_ONCE])
    accounts.lock(account_ids=list(found.values()))
    # Read again under the locks: another worker may have released some meanwhile.
    left: dict[int, int] = defaultdict(int)
    still = due.filter(pk__in=found)
    for pk, reserve_minor in still.values_list("pk", "reserve_minor"):
        left[found[pk]] += reserve_minor
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE issuers_account a
               SET offline_reserve_minor = a.offline_reserve_minor - d.left_minor
              FROM unnest(%s::bigint[], %s::bigint[]) AS d (id, left_minor) WHERE a.id = d.id
            """,
            [list(left), list(left.values())],
        )
    return still.update(reserve_minor=0, reserve_released_at=at)
