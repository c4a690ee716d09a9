"""Every public vector of the protocol, section by section."""

from typing import Any

import pytest

from config.wire import base32, cbor, luhn
from config.wire.errors import WireError
from config.wire.objects import SignedObject
from issuers.wire import (
    Acknowledgement,
    BlacklistFile,
    CardCertificate,
    Command,
    RiceSet,
    rice,
)
from merchants.wire import Batch, Bill, Challenge, ReaderCertificate, tid
from merchants.wire.datagram import Datagram
from tests.wire.samples import VECTORS
from wallets.wire import OfflineRecord, pin_code

KINDS: dict[str, type[SignedObject]] = {
    "acknowledgement": Acknowledgement,
    "batch": Batch,
    "bill": Bill,
    "blacklist": BlacklistFile,
    "card_certificate": CardCertificate,
    "challenge": Challenge,
    "command": Command,
    "offline_record": OfflineRecord,
    "reader_certificate": ReaderCertificate,
}


def test_no_section_is_left_out() -> None:
    assert VECTORS.keys() - {"note", "seed"} == {
        "check_character",
        "check_digit",
        "tid",
        "pin_code",
        "datagram",
        "blacklist",
        "signed",
    }


@pytest.mark.parametrize("vector", VECTORS["check_character"])
def test_check_character(vector: dict[str, str]) -> None:
    assert base32.check_character(vector["payload"]) == vector["check"]


@pytest.mark.parametrize("vector", VECTORS["check_digit"])
def test_check_digit(vector: dict[str, str]) -> None:
    assert luhn.check_digit(vector["payload"]) == vector["check"]


@pytest.mark.parametrize("vector", VECTORS["tid"])
def test_tid(vector: dict[str, Any]) -> None:
    known = vector | {"secret": bytes.fromhex(vector["secret"])}
    expected = known.pop("tid")
    assert tid.tid(**known) == expected
    assert tid.parse(expected)[:3] == (vector["number"], vector["counter"], vector["random"])


@pytest.mark.parametrize("vector", VECTORS["pin_code"])
def test_pin_code(vector: dict[str, Any]) -> None:
    secret = bytes.fromhex(vector["device_secret"])
    key = pin_code.psn_key(device_secret=secret, pin=vector["pin"])
    assert key.hex() == vector["psn_key"]
    code = pin_code.pin_code(
        psn_key=key,
        subject=vector["subject"],
        card_token=bytes.fromhex(vector["card"]),
        counter=vector["counter"],
    )
    assert code == vector["code"]


@pytest.mark.parametrize("vector", VECTORS["datagram"])
def test_datagram(vector: dict[str, Any]) -> None:
    data, secret = bytes.fromhex(vector["bytes"]), bytes.fromhex(vector["secret"])
    if not vector["valid"]:
        with pytest.raises(WireError):
            Datagram.decode(data, secret)
        return
    datagram = Datagram.decode(data, secret)
    assert datagram.encode(secret) == data
    for name in ("terminal", "ms", "tid", "state", "amount", "currency", "approval", "number"):
        assert getattr(datagram, name) == vector[name]
    assert (datagram.kind.name, datagram.nonce.hex()) == (vector["kind"], vector["nonce"])


@pytest.mark.parametrize("vector", VECTORS["blacklist"])
def test_blacklist(vector: dict[str, Any]) -> None:
    numbers = vector["numbers"]
    coded = RiceSet(vector["k"], vector["count"], bytes.fromhex(vector["bytes"]))
    assert rice.encode(numbers, k=vector["k"]) == coded
    assert list(rice.decode(coded)) == numbers
    assert rice.digest(numbers).hex() == vector["digest"]
    assert len(rice.encode(numbers).data) <= len(coded.data)


@pytest.mark.parametrize("vector", VECTORS["signed"])
def test_signed(vector: dict[str, Any]) -> None:
    data, public_key = bytes.fromhex(vector["bytes"]), bytes.fromhex(vector["public_key"])
    kind = KINDS[vector["name"]]
    if not vector["valid"]:
        with pytest.raises(WireError):
            kind.open(data, public_key=public_key)
        return
    opened = kind.open(data, public_key=public_key)
    assert opened.payload().hex() == vector["payload_cbor"]
    assert _as_json(cbor.decode(opened.payload())) == vector["payload"]


def _as_json(value: object) -> object:
    """Return a decoded value the way the vectors spell it."""
    match value:
        case bytes():
            return {"hex": value.hex()}
        case list():
            return [_as_json(item) for item in value]
        case dict():
            return {str(key): _as_json(item) for key, item in value.items()}
        case _:
            return value
