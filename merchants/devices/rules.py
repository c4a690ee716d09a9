"""The reader's rules (protocol section 5): pure checks over one tap, in the order that binds.

Amounts in minor units, times in epoch seconds; caps and counts are inclusive, times half-open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from issuers.wire import CardCertificate
from merchants.devices.sightings import Seen
from merchants.wire import Challenge
from wallets.wire import OfflineRecord, RecordKind, Verification


class Reason(StrEnum):
    """Why a tap is not approved offline, in the order of the checks; the last only prefers."""

    CERTIFICATE_INVALID = "certificate_invalid"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CONTACT_OVERDUE = "contact_overdue"
    CURRENCY_UNSUPPORTED = "currency_unsupported"
    BLACKLISTED = "blacklisted"
    AMOUNT_OVER_CAP = "amount_over_cap"
    VERIFICATION_REQUIRED = "verification_required"
    SPLIT_SALE = "split_sale"
    USES_EXHAUSTED = "uses_exhausted"
    CUMULATIVE_EXCEEDED = "cumulative_exceeded"
    RECORD_INVALID = "record_invalid"
    NONCE_MISMATCH = "nonce_mismatch"
    READER_FULL = "reader_full"
    ONLINE_PREFERRED = "online_preferred"


@dataclass(frozen=True, slots=True)
class Approved:
    """Approved offline and stored; ``code`` is the offline approval code."""

    code: str


@dataclass(frozen=True, slots=True)
class Declined:
    """Declined for the first failing reason."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class GoOnline:
    """Not approved offline (or online preferred), and the portal may still say yes."""

    reason: Reason


type Verdict = Approved | Declined | GoOnline


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """All facts about one tap.

    ``certificate`` and ``record`` are None where they could not be read at all; ``genuine`` says
    whether the record's signature fits the certificate. ``challenge`` is the one this reader has
    open, None when there is none. ``voiding`` is card token and ATC of the stored sale to void.
    """

    at: int
    certificate: CardCertificate | None
    record: OfflineRecord | None
    genuine: bool
    challenge: Challenge | None
    amount_minor: int
    currency: str
    floor_minor: int | None
    listed: bool
    seen: Seen
    full: bool
    voiding: tuple[bytes, int] | None = None


type Check = Callable[[Tap, CardCertificate], bool]


def _certificate_expired(tap: Tap, certificate: CardCertificate) -> bool:
    return tap.at >= certificate.expires


def _contact_overdue(tap: Tap, certificate: CardCertificate) -> bool:
    return tap.at >= certificate.profile.contact_by


def _currency_unsupported(tap: Tap, certificate: CardCertificate) -> bool:
    return tap.floor_minor is None or tap.currency != certificate.profile.currency


def _blacklisted(tap: Tap, _certificate: CardCertificate) -> bool:
    return tap.listed


def _cap_minor(tap: Tap, certificate: CardCertificate) -> int:
    return min(certificate.profile.per_payment_cap, tap.floor_minor or 0)


def _amount_over_cap(tap: Tap, certificate: CardCertificate) -> bool:
    return tap.amount_minor > _cap_minor(tap, certificate)


def _verification_required(tap: Tap, certificate: CardCertificate) -> bool:
    unverified = tap.record is not None and tap.record.verified is Verification.NONE
    return unverified and tap.amount_minor > certificate.profile.unverified_cap


def _split_sale(tap: Tap, certificate: CardCertificate) -> bool:
    parts_minor = tap.seen.split_minor + tap.amount_minor
    return tap.seen.split_minor > 0 and parts_minor > _cap_minor(tap, certificate)


def _uses(tap: Tap) -> int:
    """Return the use number of this tap: the record's word or this reader's count, if higher."""
    stated = 0 if tap.record is None else tap.record.uses
    return max(stated, tap.seen.uses + 1)


def _uses_exhausted(tap: Tap, certificate: CardCertificate) -> bool:
    return _uses(tap) > certificate.profile.upper_uses


def _cumulative_exceeded(tap: Tap, certificate: CardCertificate) -> bool:
    stated_minor = 0 if tap.record is None else tap.record.cumulative
    own_minor = tap.seen.amount_minor + tap.amount_minor
    return max(stated_minor, own_minor) > certificate.profile.cumulative_cap


def _nonce_fits(tap: Tap) -> bool:
    """Return whether the record answers the open challenge: its nonce and its time."""
    if tap.record is None or tap.challenge is None:
        return False
    asked = (tap.challenge.nonce, tap.challenge.at)
    return (tap.record.reader_nonce, tap.record.at) == asked


def _record_invalid(tap: Tap, certificate: CardCertificate) -> bool:
    record = tap.record
    if record is None or not tap.genuine:
        return True
    named = (record.card_token, record.certificate_serial, record.amount, record.currency)
    asked = (certificate.card_token, certificate.serial, tap.amount_minor, tap.currency)
    if named != asked or not _kind_fits(tap, record):
        return True
    if tap.challenge is not None and record.reader != tap.challenge.device:
        return True
    # A fresh record under an ATC already seen is a clone's; an old record again is a replay, and
    # the nonce names it.
    return _nonce_fits(tap) and record.atc <= tap.seen.latest_atc


def _kind_fits(tap: Tap, record: OfflineRecord) -> bool:
    """Return whether it is a sale that counts itself, or the void of the very sale to be voided."""
    if tap.voiding is not None:
        return (record.card_token, record.voided_atc) == tap.voiding
    counts = record.uses >= 1 and record.cumulative >= record.amount
    return record.kind is RecordKind.SALE and counts


def _nonce_mismatch(tap: Tap, _certificate: CardCertificate) -> bool:
    return not _nonce_fits(tap)


def _reader_full(tap: Tap, _certificate: CardCertificate) -> bool:
    return tap.full


_SALE: Final[tuple[tuple[Reason, Check], ...]] = (
    (Reason.CERTIFICATE_EXPIRED, _certificate_expired),
    (Reason.CONTACT_OVERDUE, _contact_overdue),
    (Reason.CURRENCY_UNSUPPORTED, _currency_unsupported),
    (Reason.BLACKLISTED, _blacklisted),
    (Reason.AMOUNT_OVER_CAP, _amount_over_cap),
    (Reason.VERIFICATION_REQUIRED, _verification_required),
    (Reason.SPLIT_SALE, _split_sale),
    (Reason.USES_EXHAUSTED, _uses_exhausted),
    (Reason.CUMULATIVE_EXCEEDED, _cumulative_exceeded),
    (Reason.RECORD_INVALID, _record_invalid),
    (Reason.NONCE_MISMATCH, _nonce_mismatch),
    (Reason.READER_FULL, _reader_full),
)

# A void takes money back, so no cap, count or list stands in its way.
_VOID: Final[tuple[tuple[Reason, Check], ...]] = (
    (Reason.CERTIFICATE_EXPIRED, _certificate_expired),
    (Reason.CURRENCY_UNSUPPORTED, _currency_unsupported),
    (Reason.RECORD_INVALID, _record_invalid),
    (Reason.NONCE_MISMATCH, _nonce_mismatch),
    (Reason.READER_FULL, _reader_full),
)

# What an online approval can overcome: the card, its record and its standing are all in order.
_SOFT: Final = frozenset(
    {
        Reason.AMOUNT_OVER_CAP,
        Reason.VERIFICATION_REQUIRED,
        Reason.SPLIT_SALE,
        Reason.USES_EXHAUSTED,
        Reason.CUMULATIVE_EXCEEDED,
        Reason.READER_FULL,
    }
)


def failing(tap: Tap) -> list[Reason]:
    """Return every reason that fails, in the order of protocol section 5."""
    certificate = tap.certificate
    if certificate is None:
        return [Reason.CERTIFICATE_INVALID]
    checks = _SALE if tap.voiding is None else _VOID
    return [reason for reason, fails in checks if fails(tap, certificate)]


def refusal(tap: Tap, *, online: bool) -> Declined | GoOnline | None:
    """Return why ``tap`` is not approved offline, or None when it is.

    Where the portal is reachable (``online``), a tap that only lacks room goes there, and so does
    one past the lower use count; a void never does.
    """
    reasons = failing(tap)
    if reasons:
        ask = online and tap.voiding is None and _SOFT.issuperset(reasons)
        return GoOnline(reasons[0]) if ask else Declined(reasons[0])
    assert tap.certificate is not None  # else the certificate was a reason
    past_lower = tap.voiding is None and _uses(tap) > tap.certificate.profile.lower_uses
    return GoOnline(Reason.ONLINE_PREFERRED) if past_lower and online else None
