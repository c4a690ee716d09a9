"""Mission 4.05: three datagrams in ten are lost, both ways, and every screen ends right."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

import pytest

from config.wire import b64
from merchants.devices.sale_facts import SHOWN, Display
from settlement.simulation.router import Router, Weather
from tests.journeys import checkout
from tests.journeys.books import Books
from tests.journeys.checkout import buy, final, sell
from tests.journeys.waiting import eventually
from wallets.devices.purchase_words import Step

PAYMENTS, TILLS = 200, 4
LOSS = 0.3
SEED = 405
WITHIN_S = 90  # all retries of both sides, HTTPS after them, and a machine with other work
PAYS, DECLINES, CANCELS = "PAID", "DECLINED", "CANCELLED"
FATES = [PAYS] * 8 + [DECLINES, CANCELS]


@pytest.fixture(scope="module")
def books(portal) -> Iterator[Books]:
    with closing(Books(portal)) as books:
        yield books


@pytest.fixture
def tills(street, stall, tmp_path):
    """Tills behind a router each, which loses datagrams."""
    with ExitStack() as all_of_them:
        yield [
            all_of_them.enter_context(behind_losses(street, stall, tmp_path, number))
            for number in range(TILLS)
        ]


@contextmanager
def behind_losses(street, stall, folder, number):
    stand = checkout.stand(street, stall, folder=folder)
    weather = Weather(lost=LOSS)
    with (
        Router(server=stand.rns, seed=SEED + number, weather=weather) as router,
        stand.on(rns=router.address) as till,
    ):
        yield till, router


def ends(till, tid, phone, card, fate):
    """Let a sale end as its fate wants."""
    if fate == CANCELS:
        till.cancel(tid)
    elif fate == DECLINES:
        assert phone.purchases.decline(phone.purchases.claim(tid)).step is Step.DECLINED
    else:
        assert buy(phone, tid, card).step is Step.PAID


def wrong(shown, ledger) -> list[str]:
    """Return the T-IDs whose screen says other than what the portal has."""
    return [
        tid
        for tid, one in shown.items()
        if (one.display, one.approval_code) != (SHOWN[ledger[tid][0]], ledger[tid][1])
    ]


def test_4_05_200_payments_all_reach_the_right_screen(tills, phones, purse, books):
    card = b64.decode(purse["card"])
    sales = [
        (tills[n % TILLS][0], sell(tills[n % TILLS][0], 1_000 + n), FATES[n % len(FATES)])
        for n in range(PAYMENTS)
    ]

    def serve(phone):
        mine = sales[phones.index(phone) :: len(phones)]
        for till, tid, fate in mine:
            ends(till, tid, phone, card, fate)

    with ThreadPoolExecutor() as pool:
        list(pool.map(serve, phones))
    shown = {tid: final(till, tid, within_s=WITHIN_S) for till, tid, _fate in sales}

    assert wrong(shown, books.ends(shown)) == []
    assert [shown[tid].display.upper() for _till, tid, _fate in sales] == [
        fate for *_sale, fate in sales
    ]
    counts = sum((Counter(router.counts) for _till, router in tills), Counter())
    lost = counts["lost"] / (counts["lost"] + counts["passed"])
    assert abs(lost - LOSS) < 0.1, counts


def test_4_05_control_a_screen_that_lies_is_found(till, phones, purse, books):
    tid = sell(till, 1_000)
    eventually(lambda: books.ends([tid]))
    shown = till.show(tid)
    lie = replace(shown, display=Display.PAID)

    assert wrong({tid: lie}, books.ends([tid])) == [tid]
    assert wrong({tid: shown}, books.ends([tid])) == []
