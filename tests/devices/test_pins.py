"""PIN codes on the phone: a counter that is saved first and rises (protocol section 2)."""

import json

import pytest

from config.wire.errors import Malformed
from wallets.devices.pins import WINDOW, PinCodes
from wallets.wire import pin_code

SECRET = bytes(range(32))
CARD = b"c" * 16
PIN = "314159"
TID = "T" + "0" * 22


class Kept(list):
    """All states that were saved, until the disk is full."""

    full = False

    def save(self, state):
        if self.full:
            raise OSError("no space left on device")
        self.append(json.dumps(state))


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def pins(kept):
    return PinCodes(device_secret=SECRET, save=kept.save)


def test_a_code_is_what_the_portal_computes(pins):
    made = pins.new(pin=PIN, subject=TID, card=CARD)

    psn_key = pin_code.psn_key(device_secret=SECRET, pin=PIN)
    expected = pin_code.pin_code(psn_key=psn_key, subject=TID, card_token=CARD, counter=1)
    assert (made.counter, made.code) == (1, expected)


def test_the_counter_is_saved_before_the_code_is_out(pins, kept):
    made = pins.new(pin=PIN, subject=TID, card=CARD)
    assert json.loads(kept[-1])["used"] == made.counter

    kept.full = True
    with pytest.raises(OSError, match="space"):
        pins.new(pin=PIN, subject=TID, card=CARD)
    kept.full = False
    assert pins.new(pin=PIN, subject=TID, card=CARD).counter == made.counter + 1


def test_it_rises_over_restarts(pins, kept):
    pins.new(pin=PIN, subject=TID, card=CARD)
    again = PinCodes.from_state(json.loads(kept[-1]), save=kept.save)

    assert again.new(pin=PIN, subject=TID, card=CARD).counter == 2


def test_ahead_of_the_window_it_goes_back_to_what_is_accepted(pins):
    pins.new(pin=PIN, subject=TID, card=CARD)
    pins.succeeded(1)
    for _ in range(WINDOW + 1):
        pins.new(pin=PIN, subject=TID, card=CARD)
    pins.ahead()

    assert pins.new(pin=PIN, subject=TID, card=CARD).counter == 2


@pytest.mark.parametrize("last", [1, 19, 20, 500])
def test_behind_the_window_it_never_steps_over_it(pins, last):
    counter = pins.new(pin=PIN, subject=TID, card=CARD).counter
    while counter <= last:
        pins.behind(counter)
        counter = pins.new(pin=PIN, subject=TID, card=CARD).counter

    assert last < counter <= last + WINDOW


def test_the_pin_and_its_key_are_kept_nowhere(pins, kept):
    pins.new(pin=PIN, subject=TID, card=CARD)

    key = pin_code.psn_key(device_secret=SECRET, pin=PIN)
    assert PIN not in "".join(kept)
    assert not {PIN, key} & {
        value for value in vars(pins).values() if isinstance(value, str | bytes)
    }


def test_a_card_that_is_none_costs_no_counter(pins, kept):
    with pytest.raises(Malformed):
        pins.new(pin=PIN, subject=TID, card=b"short")
    assert kept == []
