"""The public vectors, and one good object of every kind to bend in tests."""

import json
from pathlib import Path
from typing import Any, Final

from config.wire.keys import SigningKey
from config.wire.objects import SignedObject
from issuers.wire import (
    Acknowledgement,
    Action,
    BlacklistFile,
    CardCertificate,
    Command,
    OfflineProfile,
    rice,
)
from merchants.wire import Batch, BatchEntry, Bill, BillClear, Challenge, ReaderCertificate
from wallets.wire import OfflineRecord, RecordKind, Verification

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "protocol-v1.json").read_text()
)
KEY: Final = SigningKey.from_secret(20261122)
OTHER_KEY: Final = SigningKey.from_secret(7)
TOKEN: Final = bytes(range(16))
NOW: Final = 1_790_000_000

RECORD: Final = OfflineRecord(
    card_token=TOKEN,
    certificate_serial=bytes(8),
    atc=7,
    kind=RecordKind.SALE,
    amount=12500,
    currency="KRW",
    reader="RDR-1",
    reader_nonce=TOKEN,
    at=NOW,
    uses=2,
    cumulative=30000,
    ota_version=4,
    verified=Verification.PIN_OR_BIOMETRIC,
)
CERTIFICATE: Final = CardCertificate(
    issuer="ISS-1",
    card_token=TOKEN,
    public_key=KEY.public,
    profile=OfflineProfile(
        currency="KRW",
        per_payment_cap=50000,
        lower_uses=5,
        upper_uses=10,
        cumulative_cap=200000,
        contact_by=NOW,
        version=3,
        unverified_cap=0,
    ),
    issued=NOW,
    expires=NOW + 1,
    serial=bytes(8),
    list_number=41,
)
BATCH: Final = Batch(
    device="RDR-1",
    sequence=1,
    previous_digest=bytes(32),
    created=NOW,
    count=1,
    totals={"KRW": 12500, "USD": -3},
    certificates=[CERTIFICATE.sign(key=KEY)],
    entries=[BatchEntry(RECORD.sign(key=KEY), "O12AB3", 9)],
    blacklists={"ISS-1": 9},
)
BLACKLIST: Final = BlacklistFile(
    issuer="ISS-1",
    version=9,
    base=8,
    issued=NOW,
    wait_s=60,
    removals=rice.EMPTY,
    additions=rice.encode([3, 70, 71]),
    entries=3,
    digest=rice.digest([3, 70, 71]),
)
COMMAND: Final = Command(
    command_id=TOKEN, card_token=TOKEN, version=5, action=Action.BLOCK, issued=NOW, body={}
)
BILL: Final = Bill(
    merchant="M-1",
    terminal=12345,
    tid="T000C1S0000700009WHN32C",
    amount=1,
    currency="KWD",
    order="",
    nonce=TOKEN,
    expires=NOW,
    relay="RLY-1",
)
OBJECTS: Final[list[SignedObject]] = [
    RECORD,
    CERTIFICATE,
    BATCH,
    BLACKLIST,
    COMMAND,
    BILL,
    BillClear(relay="RLY-1", slot="7-a", nonce=TOKEN),
    Challenge(device="RDR-1", nonce=TOKEN, amount=1, currency="KRW", at=NOW),
    ReaderCertificate(
        device="RDR-1",
        merchant="M-1",
        merchant_name="커피 한잔",
        public_key=KEY.public,
        issued=NOW,
        expires=NOW,
    ),
    Acknowledgement(command_id=TOKEN, card_token=TOKEN, version=5, at=NOW, atc=7, uses=0, amount=0),
]
