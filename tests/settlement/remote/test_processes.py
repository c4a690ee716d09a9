"""The process that asks issuers, killed and hanging: no lock is held, nothing counts twice."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from config.models import Heartbeat
from config.states import InvalidTransition
from issuers.models import Account, RefundAdvice, RemoteAuthorisation
from issuers.services import outbox, remote
from settlement.models import Payment
from settlement.services import asking, ledger, payments
from settlement.services.payments import rows
from tests.factories import remote as at_issuers
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from tests.journeys.portal import CHECKOUT
from tests.settlement.turns import in_a_thread
from tests.webhooks.test_processes import eventually

pytestmark = pytest.mark.django_db(transaction=True)

LOCKED = (
    *("settlement_payment", "issuers_account", "issuers_card", "issuers_remoteauthorisation"),
    "issuers_refundadvice",
)


@contextmanager
def asker():
    """Run ``run_authorisations`` on this test's database while the block runs, and kill it."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {
        "DATABASE_URL": urlunsplit(url),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PAYDESK_DATA_DIR": str(django_settings.DATA_DIR),
    }
    argv = [sys.executable, "manage.py", "run_authorisations"]
    began = timezone.now()
    running = subprocess.Popen(argv, cwd=CHECKOUT, env=environment)
    try:
        eventually(Heartbeat.objects.filter(part=asking.PART, at__gt=began).exists)
        yield running
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()


def start(payer, terminal, amount=10_000):
    """Let a payer approve; its issuer is still to be asked."""
    request = terminal.asks(amount, at=timezone.now())
    payer.asks_to_pay(request, at=timezone.now())
    return request


def states():
    return set(RemoteAuthorisation.objects.values_list("state", flat=True))


def is_settled():
    return not states() & {"ASKED", "REVERSAL_DUE"}


def lock_all():
    """Lock every row that a payment locks, or fail at once."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in LOCKED:
            cursor.execute(f"SELECT id FROM {table} FOR UPDATE NOWAIT")


def refund(payment, amount=10_000):
    return payments.refund(
        reference=payment.reference,
        amount_minor=amount,
        reason="Broken",
        actor=SYSTEM,
        at=timezone.now(),
    )


def is_told():
    return not RefundAdvice.objects.filter(state="DUE").exists()


def check_books(authority):
    """What the issuer has approved and not reversed is what is approved here, less what was
    refunded, and all adds up."""
    ours = set(Payment.objects.values_list("reference", flat=True))
    approved = Payment.objects.filter(state="APPROVED")
    spent = {row.reference: row.amount_minor - row.refunded_minor for row in approved}
    stands = authority.state["stands"]
    assert {name: stands[name] for name in stands.keys() & ours} == spent
    assert ledger.check() == []
    assert not Account.objects.exclude(held_minor=0).exists()


class TestWhileAnIssuerHangs:
    def test_no_row_is_locked(self, payer, terminal, authority, settings):
        settings.AUTHORISER_DEADLINE_S = 60
        authority.behave(failure="hang")
        before = authority.state["asked"]
        start(payer, terminal)
        with asker():
            eventually(lambda: authority.state["asked"] > before)

            in_a_thread(lock_all)

        assert states() == {"ASKED"}

    def test_negative_control_asked_within_the_transaction_they_are(self, payer, terminal):
        with transaction.atomic():
            start(payer, terminal)

            with pytest.raises(OperationalError):
                in_a_thread(lock_all)

    def test_its_terminal_cancels_at_once(self, payer, terminal, authority, settings):
        settings.AUTHORISER_DEADLINE_S = 60
        authority.behave(failure="hang")
        before = authority.state["asked"]
        request = start(payer, terminal)
        with asker():
            eventually(lambda: authority.state["asked"] > before)
            ended = payments.cancel(device=terminal.device, tid=request.tid, at=timezone.now())
            eventually(is_settled)

        assert (ended.state, states()) == ("CANCELLED", {"REVERSED"})
        check_books(authority)


class TestKilled:
    def test_in_the_midst_of_it_the_next_one_asks_again(self, payer, terminal, authority, settings):
        settings.AUTHORISER_DEADLINE_S = 60
        authority.behave(delay_ms=1500)
        before = authority.state["asked"]
        start(payer, terminal)
        with asker():
            eventually(lambda: authority.state["asked"] > before)
        assert states() == {"ASKED"}

        with asker():
            eventually(is_settled)

        assert states() == {"APPROVED"}
        assert RemoteAuthorisation.objects.get().attempts == 0
        check_books(authority)

    def test_for_longer_than_the_deadline_the_sweeper_ends_it(
        self, payer, terminal, authority, settings
    ):
        settings.AUTHORISER_DEADLINE_S = 3
        authority.behave(failure="hang")
        before = authority.state["asked"]
        with asker():
            start(payer, terminal)
            eventually(lambda: authority.state["asked"] > before)
        eventually(lambda: payments.end_overdue(at=timezone.now(), limit=9) == 1)
        assert states() == {"REVERSAL_DUE"}

        with asker():
            eventually(is_settled)

        assert Payment.objects.get().decline_reason == "issuer_refused"
        check_books(authority)

    def test_asked_to_end_it_ends_at_once(self, payer, terminal, authority, settings):
        settings.AUTHORISER_DEADLINE_S = 60
        authority.behave(failure="hang")
        before = authority.state["asked"]
        start(payer, terminal)
        with asker() as running:
            eventually(lambda: authority.state["asked"] > before)
            running.send_signal(signal.SIGTERM)

            assert running.wait(timeout=5) == 0


class TestRefunds:
    @pytest.fixture
    def paid(self, payer, terminal, settings):
        settings.AUTHORISER_DEADLINE_S = 60
        request = start(payer, terminal)
        with asker():
            eventually(is_settled)
        return request

    def test_killed_before_the_answer_is_noted_it_is_told_again(self, paid, authority):
        before = authority.state["told"]
        authority.behave(refund_failure="hang")
        made_ = refund(paid, 4_000)
        with asker():
            eventually(lambda: authority.state["told"] > before)
            in_a_thread(lock_all)
        assert not is_told()
        assert authority.state["refunded"][made_.reference]["amount"] == 4_000

        authority.behave(refund_failure="none")
        RefundAdvice.objects.update(next_at=timezone.now())  # its lease is over
        with asker():
            eventually(is_told)

        assert authority.state["told"] == before + 2
        assert RefundAdvice.objects.get().attempts == 2
        check_books(authority)

    def test_with_an_issuer_that_hangs_no_refund_waits(self, paid, authority):
        before = authority.state["told"]
        authority.behave(refund_failure="hang")
        with asker():
            refund(paid, 1)
            eventually(lambda: authority.state["told"] > before)
            began = timezone.now()
            refund(paid, 2)
            assert (timezone.now() - began).total_seconds() < 5
            eventually(lambda: authority.state["told"] > before + 1)

        assert set(RefundAdvice.objects.values_list("state", flat=True)) == {"DUE"}

    def test_woken_it_is_told_within_a_moment(self, paid, authority):
        with asker():
            refund(paid, 10_000)
            eventually(is_told)

        check_books(authority)

    def test_negative_control_one_that_is_noted_and_not_told_is_found(self, paid, authority):
        refund(paid, 1)
        (parcel,) = outbox.claim_refunds(busy={}, limit=9, at=timezone.now())
        outbox.acknowledge(parcel=parcel, at=timezone.now())

        with pytest.raises(AssertionError):
            check_books(authority)

    def test_several_at_once_are_each_told_once_by_many(self, paid, authority):
        authority.behave(refund_failure="error")
        with asker() as first, asker():
            with ThreadPoolExecutor(4) as pool:
                acts = [lambda: refund(paid, 100)] * 12
                for each in [pool.submit(in_a_thread, act) for act in acts]:
                    each.result()
            first.send_signal(signal.SIGKILL)
            authority.behave(refund_failure="none")
            RefundAdvice.objects.filter(state="DUE").update(next_at=timezone.now())
            eventually(is_told)

        assert RefundAdvice.objects.count() == 12
        assert RemoteAuthorisation.objects.get().refunded_minor == 1_200
        check_books(authority)


class TestManyAtOnce:
    COUNT = 30

    @pytest.fixture
    def crowd(self, authority, terminal, settings):
        """Payers at one issuer that fails in every way, their approvals all at once."""
        settings.AUTHORISER_DEADLINE_S = 2
        authority.behave(failure="mixed", late_ms=3000)
        payer = at_issuers.payer(authority)
        others = [
            at_issuers.Payer(made.settlement.card_on_phone(of=payer.held.card.programme))
            for _ in range(2)
        ]
        return [payer, *others]

    def pay(self, crowd, terminal):
        for number in range(self.COUNT):
            start(crowd[number % len(crowd)], terminal, amount=100 + number)

    def test_whatever_fails_both_books_agree(self, crowd, terminal, authority):
        with asker() as first, asker():
            with ThreadPoolExecutor(1) as pool:
                paying = pool.submit(in_a_thread, lambda: self.pay(crowd, terminal))
                eventually(lambda: "APPROVED" in states())
                first.send_signal(signal.SIGKILL)
                paying.result()
            eventually(is_settled)

        assert RemoteAuthorisation.objects.count() == self.COUNT
        assert {"APPROVED", "DECLINED", "REVERSED"} <= states()
        check_books(authority)

    def test_negative_control_a_reversal_that_is_not_sent_is_found(
        self, payer, terminal, authority
    ):
        with asker():
            request = start(payer, terminal)
            eventually(is_settled)
        payments.cancel(device=terminal.device, tid=request.tid, at=timezone.now())
        (parcel,) = outbox.claim_reversals(busy={}, limit=9, at=timezone.now())
        outbox.acknowledge(parcel=parcel, at=timezone.now())

        with pytest.raises(AssertionError):
            check_books(authority)


class TestTheRaceOfAYesAndACancellation:
    def race(self, payer, terminal):
        """Let both end a payment at once, each over its own connection; return how it ended."""
        request = start(payer, terminal, amount=100)
        yes = remote.Word(None, is_told=True)
        at, ready = timezone.now(), Barrier(2)

        def settled():
            ready.wait()
            payments.settle(document=request.reference, word=yes, at=at)

        def cancelled():
            ready.wait()
            payments.cancel(device=terminal.device, tid=request.tid, at=at)

        with ThreadPoolExecutor(2) as pool:
            for racing in [pool.submit(in_a_thread, act) for act in (settled, cancelled)]:
                racing.result()
        return Payment.objects.get(reference=request.reference).state

    def test_has_one_end_and_the_issuer_hears_of_it(self, payer, terminal):
        ends = {self.race(payer, terminal) for _ in range(20)}

        assert ends <= {"CANCELLED", "REVERSED"}
        assert states() == {"REVERSAL_DUE"}
        assert ledger.check() == []
        assert payer.account.available_minor == 1_000_000

    def test_negative_control_who_would_not_look_is_refused(self, payer, terminal, monkeypatch):
        request = start(payer, terminal)
        locking, at = rows.locked_payment, timezone.now()

        def first_cancelled(*, reference):
            payments.cancel(device=terminal.device, tid=request.tid, at=at)
            return locking(reference=reference)

        monkeypatch.setattr(rows, "locked_payment", first_cancelled)
        monkeypatch.setattr(remote.Outstanding, "is_open", property(lambda _self: True))

        with pytest.raises(InvalidTransition):
            payments.settle(document=request.reference, word=remote.UNKNOWN, at=at)
