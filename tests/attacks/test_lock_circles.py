"""Acts on the same card at once wait for each other in one order, never in a circle."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from django.db import connection, transaction

from config import pipeline
from issuers.models import Debt, Programme
from issuers.services import authorise as issuer
from settlement.services import debts, ledger
from tests.factories import benefits
from tests.factories import checkouts as at_tills
from tests.factories import requests as made
from tests.factories import settlement as factory
from tests.journeys.waiting import eventually
from tests.settlement.test_debts import overspend, pay_in
from wallets.services import pins

pytestmark = pytest.mark.django_db(transaction=True)
PAID_IN = 100_000


@pytest.fixture
def debtor(noon):
    """A customer who owes, and by now has enough."""
    card = factory.card_on_phone(balance=30_000)
    Programme.objects.update(list_on_debt=False)
    overspend(factory.till(now=noon), card)
    pay_in(card, PAID_IN, noon)
    return made.Payer(held=card, key=card.device_key)


@dataclass
class Waits:
    """A purchase with a plan's number, and one who locks the phone, then the card, meanwhile."""

    payer: made.Payer
    at: datetime
    collected: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    really: Callable[..., int] = debts.collect

    def collect(self, **more):
        """Collect, and go on once it is said that the other waits for what this one has."""
        done = self.really(**more)
        self.collected.set()
        assert self.goes_on.wait(10)
        return done

    def act(self, purchase):
        """Run inside the transaction that keeps the answer, as every signed call does."""
        return _kept(lambda: purchase(self.payer, self.at))

    def meet(self):
        assert self.collected.wait(10)
        token = bytes(self.payer.held.card.token)
        phone = self.payer.phone
        asks = issuer.questions(token=token, phone_id=phone.pk, at=self.at)
        _kept(lambda: [pipeline.run(pins.locked(device=phone)), pipeline.run(*asks)])


def _kept(act):
    try:
        with transaction.atomic():
            return act()
    finally:
        connection.close()


def is_waited_for():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0] > 0


def at_a_till(payer, at):
    plan = benefits.plan_of(payer.phone, card=payer.held.card.reference, at=at)
    code, till = at_tills.with_psn(payer, plan), at_tills.till()
    return lambda _payer, at: till.presents(code, at=at).state


def with_consent(payer, at):
    plan = benefits.plan_of(payer.phone, card=payer.held.card.reference, max_amount_minor=1, at=at)
    waits = at_tills.till().presents(at_tills.with_psn(payer, plan), at=at)
    return lambda payer, at: at_tills.approves(payer, plan, waits, at=at).state


def by_tid(payer, at):
    plan = benefits.plan_of(payer.phone, at=at)
    request = payer.claims(made.terminal().asks(10_000, at=at), at=at)
    return lambda payer, at: payer.approves(request, plan=plan.plan.reference, at=at).state


@pytest.mark.parametrize("kind", [at_a_till, with_consent, by_tid])
def test_a_purchase_with_a_plan_collects_after_its_own_rows(debtor, noon, monkeypatch, kind):
    purchase, waits = kind(debtor, noon), Waits(debtor, noon)
    monkeypatch.setattr(debts, "collect", waits.collect)

    with ThreadPoolExecutor(2) as pool:
        paid, met = pool.submit(waits.act, purchase), pool.submit(waits.meet)
        eventually(lambda: met.done() or is_waited_for(), within_s=10, every_s=0.02)
        waits.goes_on.set()

        assert (paid.result(20) in {"PAID", "APPROVED"}, met.result(20)) == (True, None)

    assert Debt.objects.get().closed_at is not None
    assert ledger.check() == []


class Meeting:
    """An approval that pauses before it collects, and somebody who asks about its card then."""

    def __init__(self, payer, at):
        self.payer, self.at = payer, at
        self.collects, self.goes_on = threading.Event(), threading.Event()
        self.really = debts.collect

    def collect(self, **more):
        self.collects.set()
        assert self.goes_on.wait(10)
        return self.really(**more)

    def approve(self, request):
        """Approve inside the transaction that keeps the answer, as every signed call does."""
        return _kept(lambda: self.payer.approves(request, at=self.at).state)

    def ask(self):
        """Lock card and account as another phone of the customer does."""
        assert self.collects.wait(10)
        token = bytes(self.payer.held.card.token)
        asks = issuer.questions(token=token, phone_id=None, at=self.at)
        _kept(lambda: pipeline.run(*asks))


def test_collecting_a_debt_takes_no_card_after_its_account(debtor, noon, monkeypatch):
    request = debtor.claims(made.terminal().asks(10_000, at=noon), at=noon)
    meeting = Meeting(debtor, noon)
    monkeypatch.setattr(debts, "collect", meeting.collect)

    with ThreadPoolExecutor(2) as pool:
        paid, asked = pool.submit(meeting.approve, request), pool.submit(meeting.ask)
        eventually(lambda: asked.done() or is_waited_for(), within_s=10, every_s=0.02)
        meeting.goes_on.set()

        assert (paid.result(20), asked.result(20)) == ("APPROVED", None)

    assert Debt.objects.get().closed_at is not None
    assert ledger.check() == []
