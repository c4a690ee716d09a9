"""Many machines on one number, many wishes on one limit, and acts that meet each other.

Each on a connection of its own. The controls break what guards them, and then fail as they should.
"""

from datetime import timedelta

import pytest
from django.db.models import QuerySet

from config.audit import SYSTEM
from config.refusals import Refused
from settlement.models import Payment, Preapproval, Redemption
from settlement.rules.redeeming import Report
from settlement.services import ledger, preapprovals, redemptions
from settlement.services.redemptions.refusals import NumberUsed
from tests.factories import preapprovals as made
from tests.factories import requests, settlement
from tests.factories.merchants import StoreFactory
from tests.settlement.test_checkout_races import run

pytestmark = pytest.mark.django_db(transaction=True)
TERMINALS, TIMES = 50, 2
ROUNDS = 10  # of a control, which ends with the first race that two were in


@pytest.fixture
def payer():
    return made.payer()


def atms(count):
    store = StoreFactory()
    return [made.atm(store=store) for _ in range(count)]


def taking(word, many, noon):
    return [lambda machine=machine: machine.takes(word, at=noon) for machine in many]


def faults(told):
    return [each for each in told if isinstance(each, Exception) and not isinstance(each, Refused)]


class TestOneNumber:
    def test_b5_of_100_redemptions_from_50_terminals_one_pays_out(self, payer, noon):
        word = made.approved(payer, at=noon)
        told = run(taking(word, atms(TERMINALS) * TIMES, noon))
        assert sum(isinstance(each, Redemption) for each in told) == 1
        assert sum(isinstance(each, NumberUsed) for each in told) == TERMINALS * TIMES - 1
        assert Redemption.objects.count() == 1

    def test_without_row_locks_the_database_alone_holds_it(self, noon, monkeypatch):
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_how: rows)
        machines, met = atms(16), []
        for _ in range(ROUNDS):
            word = made.approved(made.payer(), at=noon)
            told = run(taking(word, machines, noon))
            met = [each for each in told if not isinstance(each, (Redemption, NumberUsed))]
            assert Redemption.objects.filter(preapproval=word.preapproval).count() == 1
            if met:
                return
        pytest.fail("nobody met another between reading and writing: the control shows nothing")

    def test_5_09_completed_by_many_at_once_posts_once(self, payer, noon):
        machine = made.atm()
        taken = machine.takes(made.approved(payer, at=noon), at=noon)
        told = run([lambda: machine.reports(taken, at=noon)] * 16)
        assert {each.state for each in told} == {"COMPLETED"}
        assert Payment.objects.count() == 1
        assert ledger.check() == []

    def test_of_two_machines_with_one_ticket_one_has_sold_it(self, noon):
        payer, store = made.payer(), StoreFactory()
        tills = [made.till(store=store) for _ in range(6)]
        words = [made.approved(payer, at=noon, kind="LOTTERY") for _ in tills]
        taken = [till.takes(word, at=noon) for till, word in zip(tills, words, strict=True)]
        told = run(
            [
                lambda till=till, each=each: till.reports(each, item_serial="T-1", at=noon)
                for till, each in zip(tills, taken, strict=True)
            ]
        )
        assert faults(told) == []
        assert sum(isinstance(each, Redemption) for each in told) == 1


class TestOneLimit:
    MOST = 3

    def wishes(self, noon):
        """Return wishes of one customer with two cards of one programme, so two accounts."""
        payer = requests.payer()
        card = settlement.openings.issue_card(
            programme=payer.held.card.programme,
            holder=payer.phone.owner,
            at=settlement.ISSUED,
            actor=SYSTEM,
            balance_minor=1_000_000,
        )
        key = settlement.SigningKey.generate()
        settlement.credentials.issue(
            card=card, device=payer.phone, public_key=key.public, at=settlement.ISSUED
        )
        made.policy(payer, daily_count_max=self.MOST)
        tokens = [bytes(payer.held.card.token), bytes(card.token)] * 8
        wishes = [made.wish_of(payer, at=noon, card=token) for token in tokens]
        return payer, wishes

    def approved_of(self, noon):
        payer, wishes = self.wishes(noon)
        told = run(
            [
                lambda wish=wish: preapprovals.approve(device=payer.phone, wish=wish, at=noon)
                for wish in wishes
            ]
        )
        assert faults(told) == []
        return sum(bool(each.number) for each in told)

    def test_of_a_day_holds_however_many_ask_at_once(self, noon):
        assert self.approved_of(noon) == self.MOST
        assert ledger.check() == []

    def test_is_overrun_without_the_customers_lock(self, noon, monkeypatch):
        locked = QuerySet.select_for_update

        def unless_customer(rows, *args, **how):
            is_it = rows.model.__name__ == "Customer"
            return rows if is_it else locked(rows, *args, **how)

        monkeypatch.setattr(QuerySet, "select_for_update", unless_customer)
        assert any(self.approved_of(noon) > self.MOST for _ in range(ROUNDS))

    def test_of_the_money_holds(self, noon):
        payer = made.payer(balance=25_000)
        wishes = [made.wish_of(payer, at=noon) for _ in range(8)]
        told = run(
            [
                lambda wish=wish: preapprovals.approve(device=payer.phone, wish=wish, at=noon)
                for wish in wishes
            ]
        )
        assert sum(bool(each.number) for each in told) == 2
        assert (payer.account.held_minor, ledger.check()) == (20_000, [])


class TestActsThatMeet:
    @pytest.mark.parametrize("act", ["cancel", "expire", "cancel_by_issuer"])
    def test_a_number_is_taken_or_ended_never_both(self, payer, noon, act):
        machine, later = made.atm(), noon + timedelta(seconds=60)
        acts = {
            "cancel": lambda name: preapprovals.cancel(device=payer.phone, reference=name, at=noon),
            "expire": lambda _name: preapprovals.expire_due(at=later, limit=9),
            "cancel_by_issuer": lambda name: preapprovals.cancel_by_issuer(
                reference=name, reason="risk", actor=SYSTEM, at=noon
            ),
        }
        for _ in range(6):
            word = made.approved(payer, at=noon, valid_s=60)
            name = word.preapproval.reference
            told = run(
                [lambda w=word: machine.takes(w, at=noon), lambda name=name: acts[act](name)]
            )
            assert faults(told) == []
            state = made.state_of(word)
            assert (state == "IN_PROGRESS") == isinstance(told[0], Redemption)
        assert ledger.check() == []

    def test_report_desk_and_schedule_end_it_one_way(self, payer, noon):
        machine, later = made.atm(), noon + timedelta(seconds=300)
        for _ in range(6):
            taken = machine.takes(made.approved(payer, at=noon), at=noon)
            name = taken.reference
            told = run(
                [
                    lambda: redemptions.suspend_overdue(at=later, limit=9),
                    lambda taken=taken: machine.reports(taken, at=later),
                    lambda taken=taken: made.decided(taken, Report("NONE"), at=later),
                ]
            )
            assert faults(told) == []
            ended = Redemption.objects.get(reference=name)
            assert ended.state in {"COMPLETED", "REVERSED"}
            assert Payment.objects.filter(redemption=ended).exists() == (ended.state == "COMPLETED")
        assert not Preapproval.objects.filter(state__in=Preapproval.LIVE).exists()
        assert ledger.check() == []

    def test_a_reversal_and_its_request_see_each_other(self, payer, noon):
        machine = made.atm()
        for place in range(8):
            word, key = made.approved(payer, at=noon), f"key-of-the-request-{place}"
            told = run(
                [
                    lambda w=word, key=key: machine.takes(w, at=noon, key=key),
                    lambda key=key: redemptions.reverse_request(
                        device=machine.device, key=key, at=noon
                    ),
                ]
            )
            assert faults(told) == []
            assert made.state_of(word) in {"APPROVED", "REVERSED"}
        assert ledger.check() == []
