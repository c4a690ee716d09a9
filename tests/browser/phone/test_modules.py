"""The phone's modules against the public vectors and the portal's own reading of what they make."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from config.wire import b64, httpsig
from config.wire.keys import SigningKey
from merchants.wire import Bill

pytestmark = pytest.mark.browser

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "protocol-v1.json").read_text())
PIN = """async (all) => {
  const { psnKey, pinCode } = await import('/static/js/phone/pin.js');
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (two) => parseInt(two, 16));
  const hex = (made) => [...made].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  return Promise.all(all.map(async ({ device_secret, pin, subject, card, counter }) => {
    const raw = bytes(device_secret);
    const secret = await crypto.subtle.importKey('raw', raw, hmac, false, ['sign']);
    const key = await psnKey(secret, pin);
    return [hex(key), await pinCode({ psnKey: key, subject, card: bytes(card), counter })];
  }));
}"""
NUMBERS = """async (texts) => {
  const { readNumber } = await import('/static/js/phone/numbers.js');
  return texts.map((text) => readNumber(text));
}"""
SIGNED = """async ([method, url, headers, text, created]) => {
  const { signed } = await import('/static/js/phone/httpsig.js');
  const { newSigningKey, publicBytes } = await import('/static/js/phone/keys.js');
  const { random, toB64url, utf8 } = await import('/static/js/phone/bytes.js');
  const pair = await newSigningKey();
  const body = utf8(text);
  const made = await signed(
    { pair, keyid: 'DEV-1', method, url, headers, body, created, nonce: random(16) });
  return [toB64url(await publicBytes(pair)), made];
}"""
BILLS = """async (all) => {
  const { readBill } = await import('/static/js/phone/bill.js');
  const { fromB64url } = await import('/static/js/phone/bytes.js');
  return all.map((text) => {
    try { return readBill(fromB64url(text)); } catch (wrong) { return wrong.constructor.name; }
  });
}"""
KEYS = """async () => {
  const { newDeviceSecret, newSigningKey } = await import('/static/js/phone/keys.js');
  const pair = await newSigningKey();
  const refused = (format, key) =>
    crypto.subtle.exportKey(format, key).then(() => 'exported', (wrong) => wrong.name);
  return [await refused('pkcs8', pair.privateKey), await refused('raw', await newDeviceSecret())];
}"""


@pytest.fixture
def page(new_phone):
    return new_phone().go()


def test_pin_codes_are_those_of_the_vectors(page):
    vectors = VECTORS["pin_code"]
    made = page.evaluate(PIN, vectors)
    assert made == [[vector["psn_key"], vector["code"]] for vector in vectors]


def test_tids_of_the_vectors_are_read_as_scanned_and_as_typed(page):
    tids = [vector["tid"] for vector in VECTORS["tid"]]
    assert page.evaluate(NUMBERS, [f"T1.{tid}" for tid in tids]) == [{"tid": t} for t in tids]
    typed = [f" {tid[:5].lower()}-{tid[5:].replace('0', 'o').replace('1', 'l')} " for tid in tids]
    assert page.evaluate(NUMBERS, typed) == [{"tid": tid} for tid in tids]


def test_a_wrong_check_character_is_seen(page):
    wrong = [v["tid"][:-1] + ("Z" if v["tid"][-1] != "Z" else "Y") for v in VECTORS["tid"]]
    assert page.evaluate(NUMBERS, wrong) == [{"fault": "check"}] * len(wrong)


def test_what_is_no_tid_is_named(page):
    told = {
        "": "empty",
        "hello": "none",
        "T1.hello": "none",
        "S1.9000000000000009": "till",
        "9000000000000009": "till",
        "123456789012": "approval",
        "OABCDE": "receipt",
        "T" * 200: "none",
    }
    assert page.evaluate(NUMBERS, list(told)) == [{"fault": fault} for fault in told.values()]


@pytest.mark.parametrize("body", ["", '{"amount":12500,"shop":"빵집"}'])
def test_the_portal_reads_what_the_phone_signs(page, body):
    url = "http://127.0.0.1:8000/api/v1/wallet/payments?after=PAY-1"
    headers = {"idempotency-key": "k" * 24}
    headers |= {"content-type": "application/json"} if body else {}
    method = "POST" if body else "GET"
    key, sent = page.evaluate(SIGNED, [method, url, headers, body, 1_790_000_000])
    request: dict[str, Any] = {"method": method, "target_uri": url, "body": body.encode()}
    read = httpsig.parse_request(headers=sent, **request)
    read.verify(b64.decode(key))
    assert (read.keyid, read.created) == ("DEV-1", 1_790_000_000)


def test_a_bill_is_read_and_a_bent_one_refused(page):
    good = _bill().sign(key=SigningKey.from_secret(7))
    bent = [
        good[:-1],
        good + b"\0",
        b"\xd1" + good[1:],
        good.replace(b"\x63KRW", b"\x63krw"),
        good.replace(b"\x18\x7b", b"\x19\x00\x7b"),
    ]
    assert len(set(bent)) == len(bent)
    assert good not in bent
    read, *refused = page.evaluate(BILLS, [b64.encode(data) for data in (good, *bent)])
    assert read == {
        "merchant": "MER-1",
        "tid": VECTORS["tid"][0]["tid"],
        "amount": 123,
        "currency": "KRW",
        "order": "A-1",
        "expires": 1_790_000_000,
        "relay": "RLY-1",
    }
    assert refused == ["Malformed"] * len(bent)


def test_keys_cannot_be_read_out(page):
    assert page.evaluate(KEYS) == ["InvalidAccessError", "InvalidAccessError"]


def _bill() -> Bill:
    return Bill(
        merchant="MER-1",
        terminal=4711,
        tid=VECTORS["tid"][0]["tid"],
        amount=123,
        currency="KRW",
        order="A-1",
        nonce=hashlib.sha256(b"nonce").digest()[:16],
        expires=1_790_000_000,
        relay="RLY-1",
    )
