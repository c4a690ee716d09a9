"""An ATM's redemptions: what is asked, what moves, what is told, what a power cut leaves (§7)."""

import json

import pytest

from merchants.devices.atm import CannotServe
from merchants.devices.atm_facts import Kind, Outcome, Step
from tests.devices.cash_points import NUMBER, Place, Portal, Power, PowerCut

CASH, GIFT = Kind.CASH, Kind.GIFT


def redeemed(place, **more):
    return place.redeem(**({"kind": CASH} | more))


class TestCash:
    def test_the_notes_come_out_and_the_portal_hears_full(self):
        place = Place()
        facts = redeemed(place)

        assert sorted(place.mechanism.out) == [10_000, 50_000]
        assert (facts.step, facts.portal_state) == (Step.CLOSED, "COMPLETED")
        assert place.portal.posted == 60_000

    def test_the_keyed_amount_and_the_pickup_code_go_along(self):
        place = Place()
        redeemed(place, amount_minor=60_000, pickup_code="1357")

        assert place.portal.bodies[0] == (
            "/terminal/redemptions",
            {
                "number": NUMBER,
                "kind": "CASH",
                "amount": 60_000,
                "currency": "KRW",
                "pickup_code": "1357",
            },
        )

    def test_a_keyed_amount_no_notes_pay_is_refused_before_anything_is_asked(self):
        place = Place()
        with pytest.raises(CannotServe) as refused:
            redeemed(place, amount_minor=65_000)

        assert refused.value.code == "note_mix"
        assert refused.value.nearest == (60_000, 70_000)
        assert place.portal.bodies == []

    def test_an_amount_told_by_the_portal_that_no_notes_pay_is_none_with_note_mix(self):
        place = Place(portal=Portal(amount=65_000))
        facts = redeemed(place)

        assert facts.outcome is Outcome.NONE
        assert place.portal.bodies[-1][1] == {"outcome": "NONE", "journal": "note_mix"}
        assert place.mechanism.out == []

    def test_notes_of_another_currency_pay_nothing(self):
        place = Place(portal=Portal(currency="USD"))
        assert redeemed(place).note_mix

    def test_notes_that_stay_inside_make_a_partial_one_and_are_still_there(self):
        place = Place()
        place.mechanism.stuck = 1
        facts = redeemed(place)

        assert (facts.outcome, facts.dispensed_minor) == (Outcome.PARTIAL, 50_000)
        assert place.portal.posted == 50_000
        assert place.atm.cassettes.held == {50_000: 3, 10_000: 10}

    def test_no_note_out_is_none_and_not_note_mix(self):
        place = Place()
        place.mechanism.stuck = 9
        facts = redeemed(place)

        assert (facts.outcome, facts.note_mix) == (Outcome.NONE, False)
        assert place.portal.state == "REVERSED"

    def test_a_blind_sensor_makes_it_unknown_and_the_machine_asks_for_a_count(self):
        place = Place()
        place.mechanism.blind = True
        redeemed(place)

        assert place.portal.state == "SUSPENSE"
        with pytest.raises(CannotServe, match="out_of_service"):
            redeemed(place)
        place.atm.load({50_000: 2})
        assert redeemed(place, number="5").outcome is Outcome.NONE

    def test_the_machine_serves_one_customer_at_a_time(self):
        place = Place()
        place.atm.begin(number=NUMBER, kind=CASH, at=place.now)
        with pytest.raises(CannotServe, match="busy"):
            place.atm.begin(number=NUMBER, kind=CASH, at=place.now)


class TestTickets:
    def place(self, serials=("G-1", "G-2"), **portal):
        told = Portal(kind="GIFT", amount=30_000, **portal)
        return Place(portal=told, rolls={(GIFT, 30_000, "KRW"): list(serials)})

    def test_the_serial_of_the_ticket_is_told(self):
        place = self.place()
        redeemed(place, kind=GIFT)

        assert place.mechanism.tickets == ["G-1"]
        assert place.portal.bodies[-1][1]["item_serial"] == "G-1"

    def test_an_empty_roll_asks_nothing(self):
        place = self.place(serials=())
        with pytest.raises(CannotServe, match="out_of_stock"):
            redeemed(place, kind=GIFT)
        assert place.portal.bodies == []

    def test_a_value_the_rolls_do_not_have_is_none(self):
        place = self.place()
        place.portal.amount = 20_000
        assert redeemed(place, kind=GIFT).outcome is Outcome.NONE

    def test_a_spoilt_ticket_is_none_and_its_serial_never_comes_again(self):
        place = self.place()
        place.mechanism.stuck = 1
        assert redeemed(place, kind=GIFT).outcome is Outcome.NONE

        place.mechanism.stuck = 0
        redeemed(place, kind=GIFT, number="5")
        assert place.mechanism.tickets == ["G-2"]


class TestAnswers:
    def test_a_refused_number_moves_nothing(self):
        place = Place(portal=Portal(refuses=(409, "number_used")))
        facts = redeemed(place)

        assert (facts.step, facts.refused) == (Step.CLOSED, "number_used")
        assert place.mechanism.out == []

    def test_lost_answers_are_asked_for_again_and_post_once(self):
        place = Place(portal=Portal(lost=2))
        assert redeemed(place).portal_state == "COMPLETED"
        assert (len(place.mechanism.out), place.portal.posted) == (2, 60_000)

    def test_a_customer_the_portal_does_not_answer_is_sent_away_and_nothing_moves_later(self):
        place = Place(portal=Portal(lost=99))
        assert redeemed(place).given_up

        place.portal.lost = 0
        assert place.point.settle(tries=50) == []
        assert (place.mechanism.out, place.portal.state) == ([], "REVERSED")

    def test_a_lost_confirmation_waits_while_the_next_customer_is_served(self):
        place = Place()
        place.mechanism.feed = lambda notes, feed=place.mechanism.feed: (
            setattr(place.portal, "lost", 3),
            feed(notes),
        )[1]
        assert redeemed(place).step is Step.TELLING

        place.atm.begin(number=NUMBER, kind=CASH, at=place.now)  # not busy
        place.portal.lost = 0
        place.point.settle(tries=9)
        assert place.portal.posted == 120_000

    @pytest.mark.parametrize("wrong", [{}, {"kind": "GIFT"}, {"redemption": "R", "kind": "CASH"}])
    def test_an_answer_about_something_else_locks_nothing(self, wrong):
        place = Place()
        place.atm.begin(number=NUMBER, kind=CASH, at=place.now)
        (call,) = place.atm.calls(at=place.now)
        place.atm.answered(call, wrong, at=place.now)

        assert next(iter(place.atm.show_all())).step is Step.ASKING


class TestDisk:
    def test_the_number_is_never_on_the_disk_in_clear(self):
        place = Place()
        redeemed(place, pickup_code="1357")

        assert len(place.disk.states) > 3
        assert not any(NUMBER in state or "1357" in state for state in place.disk.states)

    def test_what_is_answered_keeps_no_request(self):
        place = Place()
        redeemed(place)
        assert json.loads(place.disk.text)["redemptions"][0]["sealed"] == ""

    def test_a_full_disk_asks_nothing(self):
        place = Place()
        place.disk.full = True
        with pytest.raises(OSError, match="space"):
            redeemed(place)
        place.disk.full = False

        assert (list(place.atm.show_all()), place.portal.bodies) == ([], [])

    def test_a_full_disk_moves_no_note(self):
        place = Place()
        reference = place.atm.begin(number=NUMBER, kind=CASH, at=place.now)
        (call,) = place.atm.calls(at=place.now)
        place.atm.answered(call, place.portal._answer(call.path, call.body), at=place.now)
        place.disk.full = True

        with pytest.raises(OSError, match="space"):
            place.atm.set_in_motion(reference, at=place.now)
        assert place.atm.show(reference).outcome is Outcome.NONE
        assert place.atm.cassettes.held == {50_000: 4, 10_000: 10}

    def test_a_restart_keeps_stock_and_journal(self):
        place = Place()
        redeemed(place)
        place.restart()

        assert place.atm.cassettes.held == {50_000: 3, 10_000: 9}
        lines = [line for _at, line in next(iter(place.atm.show_all())).journal]
        assert lines == ["asked", "locked", "feeding 1x50000 1x10000", "out 1x50000 1x10000"]


def cut_at(moment, *, kind=CASH, careless=False):
    """Return a place after power failed at ``moment`` of a redemption and came back; None: past it.

    ``careless``: the machine comes back and has forgotten that notes were set in motion.
    """
    rolls = {(GIFT, 30_000, "KRW"): ["G-1"]}
    amount = 60_000 if kind is CASH else 30_000
    place = Place(power=Power(moment), portal=Portal(amount=amount, kind=kind), rolls=rolls)
    try:
        redeemed(place, kind=kind)
    except PowerCut:
        if careless:
            place.disk.states = [one.replace("MOVING", "READY") for one in place.disk.states]
        place.restart()
        place.point.settle(tries=20)
        return place
    return None


def is_right(place):
    """Return whether exactly what came out was posted, or somebody looks into it."""
    out = sum(place.mechanism.out) + 30_000 * len(place.mechanism.tickets)
    asked = any(not path.endswith("complete") for path, _body in place.portal.bodies)
    ended = place.portal.state in ("COMPLETED", "REVERSED", "SUSPENSE") or not asked
    return ended and (place.portal.state == "SUSPENSE" or place.portal.posted == out)


class TestPowerCuts:
    @pytest.mark.parametrize("kind", [CASH, GIFT])
    def test_at_every_moment_what_came_out_is_posted_or_in_suspense(self, kind):
        moment = 0
        while (place := cut_at(moment := moment + 1, kind=kind)) is not None:
            assert is_right(place), moment
            assert len(place.mechanism.out) in (0, 2)
        assert moment > 12

    def test_the_check_above_would_notice_a_machine_that_forgets(self):
        places = [cut_at(moment, careless=True) for moment in range(1, 13)]
        assert not all(is_right(place) for place in places if place)

    def test_only_a_cut_in_the_middle_of_a_motion_needs_somebody(self):
        places = [cut_at(moment) for moment in range(1, 17)]
        suspense = [place for place in places if place and place.portal.state == "SUSPENSE"]
        assert 0 < len(suspense) <= 4
        assert all(place.atm.cassettes.doubtful for place in suspense)
