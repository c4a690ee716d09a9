"""What a dishonest shop does to its own store before a batch: alter a record, invent another.

And unsound devices, the checker's negative controls: with one of these a run must be found broken.
"""

import secrets
from dataclasses import replace
from enum import StrEnum
from typing import Final

from config.wire import cose
from config.wire.keys import SigningKey
from merchants.devices.store import RecordStore, Stored
from wallets.wire import OfflineRecord, RecordKind

_FAR_AHEAD: Final = 1_000  # an ATC that the card itself does not reach in a simulation


class Unsound(StrEnum):
    """A device that breaks a rule no fault may break; by default none does."""

    PHONE_FORGETS = "phone-forgets"  # it signs, and its counters are those of before
    PHONE_TALKS = "phone-talks"  # it heeds no issuer's mark
    READER_LOSES = "reader-loses"  # it approves, and keeps nothing
    TILL_HOPES = "till-hopes"  # it shows every end as paid
    ATM_FORGETS = "atm-forgets"  # after a power cut it takes what moved for what never moved


def tamper(*, store: RecordStore) -> Stored | None:
    """Raise the amount of the oldest sale by one minor unit under its old signature.

    Return the record as it is now; None when there is no sale that no void names.
    """
    voided = {(held.card_token, held.voids) for held in store.records}
    for place, held in enumerate(store.records):
        if held.voids is None and (held.card_token, held.atc) not in voided:
            altered = replace(held, record=_raised(held.record), amount_minor=held.amount_minor + 1)
            store.records[place] = altered
            return altered
    return None


def forge(*, store: RecordStore, at: int) -> Stored | None:
    """Add a sale signed by a key that is not the card's; None when the store is empty."""
    if not store.records:
        return None
    model = store.records[0]
    record = OfflineRecord.peek(model.record)
    invented = replace(
        record,
        atc=record.atc + _FAR_AHEAD,
        kind=RecordKind.SALE,
        voided_atc=None,
        reader_nonce=secrets.token_bytes(16),
        at=at,
    )
    added = replace(
        model,
        record=invented.sign(key=SigningKey.generate()),
        atc=invented.atc,
        amount_minor=invented.amount,
        at=at,
        voids=None,
    )
    store.records.append(added)
    return added


def _raised(signed: bytes) -> bytes:
    """Return the record with one minor unit more, everything around the payload as it was."""
    payload = cose.parse(signed).payload
    record = OfflineRecord.of_payload(payload)
    higher = replace(record, amount=record.amount + 1).payload()
    assert len(higher) == len(payload), "a minor unit more needs no further byte here"
    return signed.replace(payload, higher)
