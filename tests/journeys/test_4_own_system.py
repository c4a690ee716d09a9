"""An issuer that decides in a system of its own: from the phone to its answer and to the till."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from config.wire import b64
from merchants.devices.sale_facts import Display
from tests.journeys.checkout import approve, buy, final, sell
from tests.journeys.waiting import eventually
from wallets.devices.purchase_words import Step


@pytest.fixture(scope="module")
def card(purse) -> bytes:
    return b64.decode(purse["card"])


@pytest.fixture(scope="module")
def phone(phones):
    return phones[0]


def test_a_slow_yes_is_waited_for_and_told_to_phone_and_till(authority, stand, till, phone, card):
    authority.behave(delay_ms=1500)
    tid = sell(till, 4_100)
    claimed = phone.purchases.claim(tid)

    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(approve, phone, claimed, card)
        eventually(lambda: stand.state(tid) == "APPROVING", every_s=0.05)

    assert paying.result().step is Step.PAID
    assert final(till, tid).display is Display.PAID
    assert 4_100 in authority.state["stands"].values()


def test_its_no_is_told_with_the_reason(authority, till, phone, card):
    authority.behave(failure="decline", reason="limit_exceeded")
    tid = sell(till, 4_200)

    assert buy(phone, tid, card).step is Step.DECLINED
    assert final(till, tid).display is Display.DECLINED


def test_without_its_word_the_sale_is_declined_and_nothing_stands(authority, till, phone, card):
    authority.behave(failure="hang")
    tid = sell(till, 4_300)

    assert buy(phone, tid, card).step is Step.DECLINED
    assert final(till, tid).display is Display.DECLINED
    eventually(lambda: 4_300 not in authority.state["stands"].values())


def test_what_its_till_cancels_is_reversed_there(authority, till, phone, card):
    tid = sell(till, 4_400)
    assert buy(phone, tid, card).step is Step.PAID

    till.cancel(tid)

    eventually(lambda: 4_400 not in authority.state["stands"].values())
