"""Till, relay, phones and portal on a network that loses, repeats, reorders and forges.

Whatever happens: a till shows paid only what the portal approved, money moves once at most, and
when the network is whole again every sale ends, on the till's screen as at the portal.
"""

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from merchants.devices.sale_facts import SHOWN, Display
from merchants.devices.terminal import Terminal
from merchants.wire.datagram import Datagram
from tests.devices.payment_world import TO_TILL, World
from tests.devices.tills import SECRET
from wallets.devices.purchase_words import Step

PHONES = ("phone-1", "phone-2")
ACTS = st.sampled_from(["approve", "approve", "release", "decline"])
PICK = st.integers(0, 10_000)
SETTINGS = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
# A control only has to find its break, not the shortest way to it.
FINDS = settings(SETTINGS, phases=[Phase.generate], report_multiple_bugs=False)


class TrustingTerminal(Terminal):
    """The deliberate break: it believes any datagram of the right form."""

    def _opened(self, data):
        try:
            return Datagram.decode(data, SECRET)
        except ValueError:
            return Datagram.decode(data, b"stranger" * 4)


class HastyTerminal(Terminal):
    """The deliberate break: it takes silence for consent."""

    def unreachable(self, call, *, at):
        effects = super().unreachable(call, at=at)
        self._sales.known(call.tid).facts.state = "APPROVED"
        return effects


class ForgetfulTerminal(Terminal):
    """The deliberate break: what it does not know after a restart it takes as cancelled."""

    @classmethod
    def from_state(cls, state, **more):
        for entry in state["sales"]:
            entry["state"] = entry["state"] or "CANCELLED"
        return super().from_state(state, **more)


class Payments(RuleBasedStateMachine):
    """The parties, and an adversary who carries what they say to each other."""

    world_of = World
    reached: Counter[str] = Counter()

    def __init__(self):
        super().__init__()
        self.world = self.world_of()

    def one(self, many, pick):
        return many[pick % len(many)]

    @precondition(lambda self: len(self.world.tids) < 4)
    @rule(order=st.sampled_from(["", "A", "B"]), by_relay=st.booleans())
    def sell(self, order, by_relay):
        self.world.sell(order=order, by_relay=by_relay)

    @rule()
    def for_a_moment_everything_arrives(self):
        self.world.deliver()

    @precondition(lambda self: self.world.datagrams)
    @rule(pick=PICK, fate=st.sampled_from(["arrives", "lost", "repeated"]))
    def a_datagram(self, pick, fate):
        flying = self.one(self.world.datagrams, pick)
        if fate != "repeated":
            self.world.datagrams.remove(flying)
        if fate != "lost":
            self.world.arrives(flying)

    @precondition(lambda self: self.world.calls)
    @rule(pick=PICK, fate=st.sampled_from(["whole", "lost", "answer lost", "answer late"]))
    def a_call(self, pick, fate):
        asked = self.one(self.world.calls, pick)
        if fate != "lost":
            self.world.reaches(asked)
        if fate == "answer lost":
            asked.outcome = None
        if fate != "answer late":
            self.world.hears(asked)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1, 2, 5, 10, 20, 60, 300]))
    def time_passes(self, seconds):
        self.world.passes(seconds)

    @precondition(lambda self: self.world.tids and len(self.world.purchases) < 8)
    @rule(pick=PICK, phone=st.sampled_from(PHONES), via=st.sampled_from(["code", "relay", "bent"]))
    def a_phone_looks(self, pick, phone, via):
        if via == "code":
            self.world.scan(self.one(self.world.tids, pick), phone=phone)
        else:
            self.world.read_bill(phone=phone, altered=via == "bent")
        if self.world.purchases:
            self.world.phone_asks(*self.world.purchases[-1])

    @precondition(lambda self: self.world.tids and len(self.world.purchases) < 8)
    @rule(pick=PICK, phone=st.sampled_from(PHONES), act=ACTS, is_lost=st.booleans())
    def a_customer_decides_at_once(self, pick, phone, act, is_lost):
        self.a_phone_looks(pick, phone, "code")
        _phone, purchase = self.world.purchases[-1]
        self.world.decides(purchase, act)
        self.world.phone_asks(phone, purchase, is_lost=is_lost)

    @precondition(lambda self: self.world.purchases)
    @rule(pick=PICK, act=ACTS)
    def a_customer_decides(self, pick, act):
        _phone, purchase = self.one(self.world.purchases, pick)
        self.world.decides(purchase, act)

    @precondition(lambda self: self.world.purchases)
    @rule(pick=PICK, is_lost=st.booleans())
    def a_phone_asks(self, pick, is_lost):
        self.world.phone_asks(*self.one(self.world.purchases, pick), is_lost=is_lost)

    @precondition(lambda self: self.world.tids)
    @rule(pick=PICK)
    def the_cashier_cancels(self, pick):
        self.world.cancel(self.one(self.world.tids, pick))

    @precondition(lambda self: self.world.tids)
    @rule(pick=PICK, what=st.sampled_from(["till off", "relay off", "forged", "played again"]))
    def mischief(self, pick, what):
        if what == "till off":
            self.world.restart()
        elif what == "relay off":
            self.world.restart_relay()
        elif what == "forged":
            self.world.forge(self.one(self.world.tids, pick))
        elif self.world.seen:
            self.world.fly(TO_TILL, self.one(self.world.seen, pick))

    @invariant()
    def paid_is_shown_only_where_it_was_approved(self):
        for shown in self.world.till.show_all():
            if shown.display is Display.PAID:
                assert shown.tid in self.world.portal.approved, "shown paid, not approved"

    @invariant()
    def money_moves_once_at_most(self):
        assert all(count <= 1 for count in self.world.portal.ever.values()), "moved twice"
        for tid, net in self.world.portal.moved.items():
            is_paid = self.world.portal.payments[tid].state == "APPROVED"
            assert net == is_paid

    @invariant()
    def a_phone_shows_paid_only_what_was_approved(self):
        for _phone, purchase in self.world.purchases:
            if purchase.step is Step.PAID:
                assert purchase.tid in self.world.portal.approved

    def teardown(self):
        self.world.settle(check=self.paid_is_shown_only_where_it_was_approved)
        self.reached.update(payment.state for payment in self.world.portal.payments.values())
        self.reached.update(str(purchase.step) for _phone, purchase in self.world.purchases)
        self.paid_is_shown_only_where_it_was_approved()
        self.money_moves_once_at_most()
        for shown in self.world.till.show_all():
            state = self.world.portal.payments[shown.tid].state
            assert shown.display is SHOWN[state], f"{shown} against {state}"


def machine(**world):
    return type("Broken", (Payments,), {"world_of": staticmethod(lambda: World(**world))})


def test_no_run_shows_paid_without_approval_or_pays_twice_or_stays_open():
    Payments.reached.clear()
    run_state_machine_as_test(Payments, settings=SETTINGS)

    ends = {"APPROVED", "DECLINED", "CANCELLED", "EXPIRED", "REVERSED", "paid", "refused", "ended"}
    assert ends <= set(Payments.reached), f"too tame: {Payments.reached}"


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ({"cls": TrustingTerminal}, "shown paid, not approved"),
        ({"cls": HastyTerminal}, "shown paid, not approved"),
        ({"cls": ForgetfulTerminal}, "stays open|against"),
        ({"pays_twice": True}, "moved twice"),
    ],
    ids=["believes strangers", "takes silence for yes", "never asks again", "portal pays twice"],
)
def test_control_a_broken_party_is_found(broken, found):
    with pytest.raises(AssertionError, match=found):
        run_state_machine_as_test(machine(**broken), settings=FINDS)
