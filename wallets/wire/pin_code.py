"""PIN codes: what a phone sends instead of its holder's PIN (protocol §2)."""

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.wire.errors import Malformed

KEY_BYTES: Final = 32
TOKEN_BYTES: Final = 16
# The subject of a PIN change and, in place of a card, its token.
PIN_SUBJECT: Final = "PIN"
NO_CARD: Final = bytes(TOKEN_BYTES)
COUNTER_LIMIT: Final = 2**64

_INFO: Final = b"paydesk psn v1"
_DIGITS: Final = 10


def psn_key(*, device_secret: bytes, pin: str) -> bytes:
    """
    Return the 32-byte key that phone and portal share, derived by HKDF-SHA-256 (RFC 5869).

    ``device_secret`` is the phone's own 32 bytes; neither it nor ``pin`` ever leaves the phone.

    :raises Malformed: ``pin`` cannot be written in UTF-8
    """
    hkdf = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=device_secret, info=_INFO)
    return hkdf.derive(_encoded(pin, "utf-8"))


def pin_code(*, psn_key: bytes, subject: str, card_token: bytes, counter: int) -> str:
    """
    Return the ten-digit code for a subject: TSN, T-ID or ``PIN_SUBJECT``.

    ``card_token`` is the card's 16 bytes, ``NO_CARD`` for a PIN change; ``counter`` the phone's,
    which rises with each code.

    :raises Malformed: the subject is not ASCII, the token not 16 bytes or the counter not 64 bits
    """
    if len(card_token) != TOKEN_BYTES or not 0 <= counter < COUNTER_LIMIT:
        raise Malformed("A PIN code takes a 16-byte token and a 64-bit counter.")
    message = _encoded(subject, "ascii") + card_token + counter.to_bytes(8, "big")
    mac = hmac.digest(psn_key, message, hashlib.sha256)
    return f"{int.from_bytes(mac[:8], 'big') % 10**_DIGITS:0{_DIGITS}}"


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise Malformed(f"Text outside {encoding}.") from error
