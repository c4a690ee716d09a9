"""Approval numbers and pickup codes: kept as keyed hashes, never in clear (protocol §2)."""

import re
import secrets
from typing import Final

from django.utils.crypto import salted_hmac

from config.wire import numbers
from settlement.models import Preapproval

# Twelve digits as a machine may print them, in groups or not; looked for behind other digits, too.
_PRINTED: Final = re.compile(r"(?<!\d)(?=(\d(?:[ -]?\d){11})(?!\d))")
_TAKEN_OUT: Final = "[number]"


def draw() -> tuple[str, bytes]:
    """Return an approval number that no pre-approval ever had, and its keyed hash.

    So a number of the past is told from one that never was, and no two live ones are the same.
    """
    while True:
        number = numbers.approval_number(secrets.token_bytes(numbers.RANDOM_BYTES))
        hashed = keyed_hash(number)
        if not Preapproval.objects.filter(number_hash=hashed).exists():
            return number, hashed


def keyed_hash(number: str) -> bytes:
    """Return what of an approval number the database knows: 32 bytes."""
    return Preapproval.hash_of(number=number)


def pickup_hash(*, reference: str, code: str) -> bytes:
    """Return what the database knows of the pickup code of a pre-approval: 32 bytes."""
    return salted_hmac("paydesk pickup code", f"{reference}|{code}", algorithm="sha256").digest()


def taken_out(*, text: str, preapproval: Preapproval) -> str:
    """Return a machine's own words without the number of ``preapproval``, which is kept nowhere."""
    own = bytes(preapproval.number_hash or b"")
    for printed in _PRINTED.findall(text):
        if keyed_hash("".join(filter(str.isdigit, printed))) == own:
            text = text.replace(printed, _TAKEN_OUT)
    return text
