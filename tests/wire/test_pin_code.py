"""PIN codes: each input counts, and none out of form gets through."""

from typing import Any

import pytest

from config.wire.errors import Malformed
from wallets.wire import pin_code

KEY = pin_code.psn_key(device_secret=bytes(32), pin="1234")
GOOD: dict[str, Any] = {
    "psn_key": KEY,
    "subject": pin_code.PIN_SUBJECT,
    "card_token": pin_code.NO_CARD,
    "counter": 1,
}


def test_another_pin_or_device_gives_another_key() -> None:
    assert len(KEY) == pin_code.KEY_BYTES
    assert pin_code.psn_key(device_secret=bytes(32), pin="1235") != KEY
    assert pin_code.psn_key(device_secret=b"\x01" * 32, pin="1234") != KEY


@pytest.mark.parametrize(
    "change",
    [
        {"psn_key": bytes(32)},
        {"subject": "9000000000000009"},
        {"card_token": b"\x01" * 16},
        {"counter": 2},
    ],
)
def test_every_input_counts(change: dict[str, Any]) -> None:
    assert pin_code.pin_code(**GOOD) != pin_code.pin_code(**GOOD | change)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "핀"},
        {"card_token": bytes(15)},
        {"counter": -1},
        {"counter": 2**64},
    ],
)
def test_an_input_out_of_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        pin_code.pin_code(**GOOD | change)


def test_a_pin_that_utf_8_cannot_write_is_refused() -> None:
    with pytest.raises(Malformed):
        pin_code.psn_key(device_secret=bytes(32), pin="\ud800")
