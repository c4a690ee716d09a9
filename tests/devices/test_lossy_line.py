"""4.05 in virtual time: of the till's datagrams and those to it, three in ten are lost."""

import random
from collections import Counter

from merchants.devices import notices
from merchants.devices.sale_facts import SHOWN
from tests.devices.payment_world import World
from wallets.devices.purchase_words import Step

PAYMENTS = 200
LOSS = 0.3
ENDS = ("approve", "approve", "approve", "decline", "nothing")


def sell_and_end(world, chance):
    """Let one payment end as chance has it; return what till and portal say, and after how long."""
    tid, began = world.sell(order="", by_relay=False), world.at
    end = chance.choice(ENDS)
    while True:
        for asked in list(world.calls):
            world.reaches(asked)
            world.hears(asked)
        flying, world.datagrams = world.datagrams, []
        for datagram in flying:
            if chance.random() >= LOSS:
                world.arrives(datagram)
        customer_acts(world, tid, end)
        if world.till.due_at() is None:
            break
        world.passes(2.0)
        assert world.at < began + 400
    return str(world.till.show(tid=tid).display), world.portal.payments[tid].state


def customer_acts(world, tid, end):
    if end == "nothing" or tid not in world.portal.payments:
        return
    if not world.purchases or world.purchases[-1][1].tid != tid:
        world.scan(tid, phone="phone-1")
    phone, purchase = world.purchases[-1]
    world.phone_asks(phone, purchase)
    if purchase.step is Step.OPEN:
        world.decides(purchase, end)


def test_4_05_two_hundred_payments_reach_the_right_screen():
    chance, world = random.Random(405), World()
    told = [sell_and_end(world, chance) for _ in range(PAYMENTS)]

    assert all(display == SHOWN[state] for display, state in told)
    assert {"paid", "declined"} <= set(Counter(display for display, _state in told))


def test_4_05_control_a_till_that_asks_once_misses_some(monkeypatch):
    """The deliberate break: no retries, no keep-alive, no question afterwards."""
    monkeypatch.setattr(notices.Notices, "tick", asks_once)
    chance, world = random.Random(405), World()

    told = [sell_and_end(world, chance) for _ in range(10)]
    assert any(display != SHOWN[state] for display, state in told)


def asks_once(self, *, at, server_at, tick=notices.Notices.tick):
    datagrams = tick(self, at=at, server_at=server_at)
    self.stop()
    return datagrams
