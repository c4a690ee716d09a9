"""The card certificate: one per card on one phone, signed by the issuer (protocol §5)."""

from dataclasses import dataclass, field

from config.wire import schema
from config.wire.objects import SignedObject, WireMap, at_key


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineProfile(WireMap):
    """
    What a card may do without the portal.

    Caps are minor units of ``currency``, ``contact_by`` is epoch seconds. A cap of 0 allows
    nothing: a card whose account holds nothing gets a certificate all the same.
    """

    currency: str = field(metadata=at_key(1, schema.CURRENCY))
    per_payment_cap: int = field(metadata=at_key(2, schema.SUM))
    lower_uses: int = field(metadata=at_key(3, schema.COUNT))
    upper_uses: int = field(metadata=at_key(4, schema.COUNT))
    cumulative_cap: int = field(metadata=at_key(5, schema.SUM))
    contact_by: int = field(metadata=at_key(6, schema.TIME))
    version: int = field(metadata=at_key(7, schema.COUNT))
    unverified_cap: int = field(metadata=at_key(8, schema.SUM))


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCertificate(SignedObject):
    """
    The issuer's word that a key speaks for a card, within an offline profile.

    ``list_number`` is what blacklists carry; it is never reused. The certificate is valid while
    ``issued <= now < expires``, in epoch seconds.
    """

    VERSION = None

    issuer: str = field(metadata=at_key(1, schema.IDENTIFIER))
    card_token: bytes = field(metadata=at_key(2, schema.TOKEN))
    public_key: bytes = field(metadata=at_key(3, schema.PUBLIC_KEY))
    profile: OfflineProfile = field(metadata=at_key(4, OfflineProfile))
    issued: int = field(metadata=at_key(5, schema.TIME))
    expires: int = field(metadata=at_key(6, schema.TIME))
    serial: bytes = field(metadata=at_key(7, schema.SERIAL))
    list_number: int = field(metadata=at_key(8, schema.LIST_NUMBER))
