"""Refunds of what an issuer's own system approved: it is told of each, and nobody waits for it."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from benefits.services.holdings import Worth
from config import pipeline
from config.models import Alert
from issuers.models import Account, Authoriser, RefundAdvice, RemoteAuthorisation
from issuers.selectors import authorisers as seen
from issuers.selectors import measures
from issuers.services import authorisers, cards, closings, outbox, remote
from merchants.services import relays
from settlement.models import Payment
from settlement.portal import traces
from settlement.selectors import trace
from settlement.services import asking, ledger, payments
from settlement.services.payments import refunds, refusals
from tests.factories import benefits as held
from tests.factories import checkouts as counters
from tests.factories import remote as at_issuers
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM, enrolled
from tests.settlement.test_debts import pay_in
from wallets.models import Phone

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def paid(asked, noon):
    """A payment of 10,000 that its issuer's own system has approved."""
    at_issuers.sent(at=noon)
    return asked


def give_back(payment, amount, at):
    return payments.refund(
        reference=payment.reference, amount_minor=amount, reason="Broken", actor=SYSTEM, at=at
    )


def tell_once(at):
    """Send what is due, once each, and write what came of it."""
    with asking.senders(clock=lambda: at) as under_way:
        outcomes = asking.turn(under_way=under_way, unsettled=[], clock=lambda: at, wait_s=5)
        while under_way.in_hand:
            outcomes += under_way.finished(wait_s=5)
        asking.turn(under_way=under_way, unsettled=outcomes, clock=lambda: at, wait_s=0.01)


def told(authority, payment):
    """Return what of ``payment`` the issuer believes to have gone back, by refund."""
    refunded = authority.state["refunded"]
    return {
        name: refund["amount"]
        for name, refund in refunded.items()
        if refund["document"] == payment.reference
    }


def left(authority, payment):
    """Return what the issuer believes to be spent of it, in minor units."""
    return authority.state["stands"][payment.reference]


class TestARefund:
    def test_writes_what_is_to_be_told_and_asks_nobody(self, paid, authority, noon):
        before = authority.state["told"]

        refund = give_back(paid, 4_000, noon)

        advice = RefundAdvice.objects.get()
        assert (advice.reference, advice.authorisation_id) == (refund.reference, paid.reference)
        assert (advice.amount_minor, advice.currency) == (4_000, "KRW")
        assert (advice.state, advice.attempts, advice.next_at) == ("DUE", 0, noon)
        assert authority.state["told"] == before
        assert ledger.check() == []

    def test_of_the_whole_is_told(self, paid, authority, noon):
        refund = give_back(paid, 10_000, noon)

        at_issuers.sent(at=noon, all_of_it=True)

        assert RefundAdvice.objects.get().state == "TOLD"
        assert told(authority, paid) == {refund.reference: 10_000}
        assert (authority.stands(paid), left(authority, paid)) == (True, 0)

    def test_in_parts_is_told_part_by_part(self, paid, authority, noon):
        parts = {give_back(paid, amount, noon).reference: amount for amount in (1, 4_000, 5_999)}

        at_issuers.sent(at=noon, all_of_it=True)

        assert told(authority, paid) == parts
        assert RemoteAuthorisation.objects.get().refunded_minor == 10_000
        assert ledger.check() == []

    def test_of_a_payment_by_relay_is_told(self, terminal, payer, authority, noon):
        relay, _key = enrolled(kind="RELAY", store=terminal.place.store)
        relays.pair(relay=relay, terminal=terminal.device, actor=SYSTEM, at=noon)
        expires = noon + timedelta(minutes=4)
        request, bill = terminal.asks_by_relay(700, relay=relay, expires=expires, at=noon)
        payer.pays(request, at=noon, bill=bill)

        refund = give_back(request, 700, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert Payment.objects.get().channel == "RELAY"
        assert told(authority, request) == {refund.reference: 700}

    def test_wakes_who_tells_it(self, paid, noon):
        sent = remote.refunding(document=paid.reference, refund="RFD-1", amount_minor=1, at=noon)
        nobody = remote.refunding(document="PAY-0", refund="RFD-2", amount_minor=1, at=noon)

        woken = [len(answer.rows) for answer in pipeline.run(nobody, sent)]

        assert woken == [0, 1]

    def test_decided_on_here_tells_nobody(self, terminal, authority, noon):
        request = terminal.asks(10_000, at=noon)
        made.payer().pays(request, at=noon)

        give_back(request, 10_000, noon)

        assert not RefundAdvice.objects.exists()
        assert outbox.waiting() == frozenset()

    def test_that_fails_leaves_nothing_to_be_told(self, paid, noon, monkeypatch):
        monkeypatch.setattr(refunds.audit, "record", lambda **_told: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            give_back(paid, 4_000, noon)

        assert not RefundAdvice.objects.exists()
        assert RemoteAuthorisation.objects.get().refunded_minor == 0

    def test_due_to_the_holder_of_a_closed_account_is_told_all_the_same(
        self, terminal, authority, noon
    ):
        payer = at_issuers.payer(authority, balance=-100_000)  # and so without a reserve
        pay_in(payer.held, 10_000, noon)
        request = terminal.asks(10_000, at=noon)
        payer.pays(request, at=noon)
        cards.close(card=payer.held.card, at=noon, actor=SYSTEM)
        account = Account.objects.get(pk=payer.account.pk)
        closings.close_account(account=account, reason="Left", at=noon, actor=SYSTEM)

        refund = give_back(request, 10_000, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert told(authority, request) == {refund.reference: 10_000}
        assert ledger.check() == []

    def test_reverses_nothing_after_it(self, paid, noon):
        give_back(paid, 1, noon)

        with pytest.raises(refusals.AlreadyRefunded):
            payments.reverse(reference=paid.reference, reason="Typo", actor=SYSTEM, at=noon)

        assert RemoteAuthorisation.objects.get().state == "APPROVED"


class TestWithBenefits:
    @pytest.fixture
    def coupon(self, payer):
        return held.held(Phone.objects.get(device=payer.phone).customer)

    def planned(self, payer, terminal, coupon, noon):
        plan = held.plan_of(payer.phone, coupon, at=noon).plan.reference
        request = terminal.asks(10_000, at=noon)
        payer.pays(request, at=noon, plan=plan)
        return request

    def test_the_cards_part_alone_is_told(self, payer, terminal, coupon, authority, noon):
        request = self.planned(payer, terminal, coupon, noon)

        half = give_back(request, 5_000, noon)
        rest = give_back(request, 5_000, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert told(authority, request) == {half.reference: 4_500, rest.reference: 4_500}
        assert left(authority, request) == 0
        assert ledger.check() == []

    def test_so_it_is_of_a_purchase_by_number(self, payer, coupon, authority, noon):
        till = counters.till()
        plan = held.plan_of(payer.phone, coupon, card=payer.held.card.reference, at=noon)
        checkout = till.presents(counters.with_psn(payer, plan), 10_000, at=noon)
        at_issuers.sent(at=noon)

        refund = give_back(checkout, 10_000, noon)
        at_issuers.sent(at=noon, all_of_it=True)

        assert Payment.objects.get().channel == "SMART"
        assert told(authority, checkout) == {refund.reference: 9_000}

    def test_what_brings_the_card_nothing_is_not_told(self, payer, terminal, authority, noon):
        customer = Phone.objects.get(device=payer.phone).customer
        coupon = held.held(customer, amount_minor=9_999)
        request = self.planned(payer, terminal, coupon, noon)

        give_back(request, 1, noon)  # the card's part comes first, rounded up
        give_back(request, 1, noon)

        assert [*RefundAdvice.objects.values_list("amount_minor", flat=True)] == [1]

    def test_what_points_bring_back_is_none_of_the_issuers(self, payer, terminal, authority, noon):
        customer = Phone.objects.get(device=payer.phone).customer
        points = held.held(customer, "POINTS", worth=Worth(amount_minor=4_000))
        request = self.planned(payer, terminal, (points, 4_000), noon)

        give_back(request, 10_000, noon)

        assert RefundAdvice.objects.get().amount_minor == 6_000


class TestTelling:
    @pytest.fixture
    def refund(self, paid, noon):
        return give_back(paid, 4_000, noon)

    @pytest.mark.parametrize("failure", ["error", "drop", "garbage"])
    def test_a_lost_answer_is_told_again_and_counts_once(
        self, paid, refund, authority, noon, failure
    ):
        before = authority.state["told"]
        authority.behave(refund_failure=failure)
        tell_once(noon)
        advice = RefundAdvice.objects.get()
        assert (advice.state, advice.attempts) == ("DUE", 1)
        assert advice.next_at == noon + SECOND

        authority.behave(refund_failure="none")
        tell_once(noon + SECOND)

        assert authority.state["told"] == before + 2
        assert told(authority, paid) == {refund.reference: 4_000}
        advice.refresh_from_db()
        assert (advice.state, advice.attempts) == ("TOLD", 2)
        assert advice.told_at == noon + SECOND

    def test_a_refusal_is_asked_again(self, paid, refund, authority, noon):
        authority.behave(refund_failure="decline")
        tell_once(noon)
        assert RefundAdvice.objects.get().state == "DUE"
        assert told(authority, paid) == {}

        authority.behave(refund_failure="none")
        tell_once(noon + SECOND)

        assert told(authority, paid) == {refund.reference: 4_000}

    def test_with_the_back_off_of_reversals(self, refund, authority, noon):
        authority.behave(deaf=True)
        at, waits = noon, []
        for _ in range(9):
            tell_once(at)
            next_at = RefundAdvice.objects.get().next_at
            waits.append((next_at - at).total_seconds())
            at = next_at

        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    def test_a_deaf_issuer_raises_an_alert_until_it_hears(self, refund, authority, noon):
        authority.behave(deaf=True)
        for number in range(outbox.TRIES_ALERTED):
            assert not Alert.objects.exists()
            tell_once(noon + timedelta(minutes=number))
        alert = Alert.objects.get()
        assert (alert.kind, alert.cleared_at) == ("refunds_unacknowledged", None)

        authority.behave(deaf=False)
        tell_once(noon + timedelta(hours=1))

        assert Alert.objects.get().cleared_at == noon + timedelta(hours=1)

    def test_a_refund_refused_for_ever_keeps_its_alert_while_others_are_taken(
        self, paid, refund, noon
    ):
        refused = self.postponed(noon)
        alert = Alert.objects.get()
        give_back(paid, 1_000, noon)
        (taken,) = outbox.claim_refunds(busy={}, limit=9, at=noon)

        outbox.acknowledge(parcel=taken, at=noon + SECOND)
        alert.refresh_from_db()
        assert alert.cleared_at is None

        outbox.acknowledge(parcel=refused, at=noon + 2 * SECOND)
        alert.refresh_from_db()
        assert alert.cleared_at == noon + 2 * SECOND

    def test_an_alert_does_not_hang_on_one_sending(self, refund, noon):
        RefundAdvice.objects.update(attempts=outbox.TRIES_ALERTED)  # whose sender was killed
        (parcel,) = outbox.claim_refunds(busy={}, limit=9, at=noon)

        outbox.postpone(parcel=parcel, at=noon)

        assert Alert.objects.get().kind == "refunds_unacknowledged"

    def postponed(self, noon):
        """Return the refund that is due as often refused as raises an alert."""
        RefundAdvice.objects.update(attempts=outbox.TRIES_ALERTED - 1)
        (parcel,) = outbox.claim_refunds(busy={}, limit=9, at=noon)
        outbox.postpone(parcel=parcel, at=noon)
        return parcel

    def test_an_issuer_that_is_down_holds_no_refund_up(self, payer, paid, authority, noon):
        issuer = payer.held.card.issuer
        told_by = {"issuer": issuer, "token": at_issuers.TOKEN, "at": noon, "actor": SYSTEM}
        authorisers.use(url=NOWHERE, **told_by)
        refund = give_back(paid, 4_000, noon)
        tell_once(noon)
        assert RefundAdvice.objects.get().state == "DUE"

        authorisers.use(url=authority.url, **told_by)
        tell_once(noon + SECOND)

        assert told(authority, paid) == {refund.reference: 4_000}

    def test_an_issuer_that_is_asked_no_more_is_told(self, payer, paid, authority, noon):
        authorisers.leave(issuer=payer.held.card.issuer, at=noon, actor=SYSTEM)

        refund = give_back(paid, 4_000, noon)
        tell_once(noon)

        assert told(authority, paid) == {refund.reference: 4_000}

    def test_an_issuer_whose_token_is_lost_holds_up_no_other(
        self, terminal, payer, refund, authority, noon
    ):
        Authoriser.objects.update(token=b"\0" * 40)
        other = at_issuers.payer(authority)
        request = terminal.asks(500, at=noon)
        other.pays(request, at=noon)
        theirs = give_back(request, 500, noon)

        tell_once(noon)

        assert told(authority, request) == {theirs.reference: 500}
        assert RefundAdvice.objects.get(reference=refund.reference).state == "DUE"

    def test_an_issuer_whose_token_is_lost_has_an_alert_and_is_tried_less_and_less(
        self, refund, noon
    ):
        Authoriser.objects.update(token=b"\0" * 40)
        at, waits = noon, []
        for _ in range(outbox.TRIES_ALERTED):
            assert not Alert.objects.exists()
            assert not outbox.claim_refunds(busy={}, limit=9, at=at)
            next_at = RefundAdvice.objects.get().next_at
            waits.append((next_at - at).total_seconds())
            at = next_at

        assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
        assert Alert.objects.get().kind == "refunds_unacknowledged"

    def test_issuers_that_hang_leave_places_for_questions(
        self, payer, terminal, paid, authority, noon, monkeypatch
    ):
        monkeypatch.setattr(asking, "PLACES", 4)
        monkeypatch.setattr(asking, "PLACES_ADVISING", 2)
        for _ in range(4):
            give_back(paid, 1, noon)
        authority.behave(failure="hang", refund_failure="hang")
        with asking.senders(clock=lambda: noon) as under_way:
            turn = {"under_way": under_way, "clock": lambda: noon, "wait_s": 0.01}
            asking.turn(unsettled=[], **turn)
            assert under_way.free == 2

            payer.asks_to_pay(terminal.asks(500, at=noon), at=noon)
            asking.turn(unsettled=[], **turn)
            kinds = [parcel.kind for parcel in under_way.in_hand]

        assert sorted(kinds) == ["QUESTION", "REFUND", "REFUND"]

    def test_an_issuer_has_its_places(self, payer, refund, noon):
        busy = {payer.held.card.issuer.pk: outbox.PLACES_REFUNDING}

        assert not outbox.claim_refunds(busy=busy, limit=9, at=noon)

    def test_who_took_it_on_has_it_until_its_lease_is_over(self, refund, noon):
        (first,) = outbox.claim_refunds(busy={}, limit=9, at=noon)
        assert not outbox.claim_refunds(busy={}, limit=9, at=noon + 14 * SECOND)
        (second,) = outbox.claim_refunds(busy={}, limit=9, at=noon + 15 * SECOND)

        assert (first.message, first.number, second.number) == (second.message, 1, 2)

    def test_an_answer_that_comes_late_ends_it_and_nothing_opens_it_again(self, refund, noon):
        (first,) = outbox.claim_refunds(busy={}, limit=9, at=noon)
        (second,) = outbox.claim_refunds(busy={}, limit=9, at=noon + 15 * SECOND)

        outbox.acknowledge(parcel=first, at=noon + 16 * SECOND)
        outbox.postpone(parcel=second, at=noon + 17 * SECOND)
        outbox.acknowledge(parcel=second, at=noon + 18 * SECOND)

        advice = RefundAdvice.objects.get()
        assert (advice.state, advice.told_at) == ("TOLD", noon + 16 * SECOND)
        assert not outbox.claim_refunds(busy={}, limit=9, at=noon + timedelta(hours=1))

    def test_a_question_asked_again_after_it_hears_the_same_word(
        self, paid, refund, authority, noon
    ):
        tell_once(noon)
        approved = authority.state["approved"]
        yes = remote.Word(None, is_told=True)

        assert not payments.settle(document=paid.reference, word=yes, at=noon)
        assert (authority.state["approved"], left(authority, paid)) == (approved, 6_000)


class TestWhatIsShown:
    @pytest.fixture
    def refund(self, paid, authority, noon):
        """A refund told twice, for the first answer was lost."""
        made_ = give_back(paid, 4_000, noon)
        authority.behave(refund_failure="drop")
        tell_once(noon)
        return made_

    def lines(self):
        payment = Payment.objects.get()
        wanted = (trace.Step.ISSUER_REFUND_DUE, trace.Step.ISSUER_REFUND_TOLD)
        steps = [step for step in trace.trace_of(payment=payment) if step.step in wanted]
        words = [traces.told(step, payment=payment) for step in steps]
        return [(step.at, said.what, said.detail) for step, said in zip(steps, words, strict=True)]

    def test_the_timeline_tells_when_the_issuer_was_told_and_how_often(
        self, refund, authority, noon
    ):
        due = "The issuer's own system is to be told of a refund of 4,000 KRW"
        detail = f"{refund.reference}, not acknowledged; sendings: 1"
        assert self.lines() == [(noon, due, detail)]

        authority.behave(refund_failure="none")
        tell_once(noon + SECOND)

        done = "Refund of 4,000 KRW told to the issuer"
        detail = f"{refund.reference}, acknowledged; sendings: 2"
        assert self.lines() == [
            (noon, due, refund.reference),
            (noon + SECOND, done, detail),
        ]

    def test_so_do_the_issuers_page_and_the_figures(self, payer, refund, authority, noon):
        health = seen.health_of(issuer=payer.held.card.issuer)
        assert (health.refunds, health.refund_since) == (1, noon)
        assert self.figures(noon + 7 * SECOND) == (1, 7)

        authority.behave(refund_failure="none")
        tell_once(noon + SECOND)

        health = seen.health_of(issuer=payer.held.card.issuer)
        assert (health.refunds, health.refund_since) == (0, None)
        assert self.figures(noon + 7 * SECOND) == (0, 0)

    def figures(self, at):
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in measures.families(at=at)
            for sample in family.samples
        }
        return (
            samples["paydesk_remote_authorisations", "REFUND_DUE"],
            samples["paydesk_remote_refund_age_seconds",],
        )


class TestTheDatabase:
    @pytest.fixture
    def advice(self, paid, noon):
        give_back(paid, 4_000, noon)
        return RefundAdvice.objects.get()

    def refused(self, match, act):
        """Check that the database refuses what ``act`` does, now or at the end."""
        with pytest.raises(DatabaseError, match=match), transaction.atomic():
            self.attempt(act)

    def attempt(self, act):
        act()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_refuses_more_than_was_approved(self, paid, advice, noon):
        told_ = {"document": paid.reference, "refund": "RFD-X", "at": noon}
        most = remote.refunding(**told_, amount_minor=6_000)
        more = remote.refunding(**told_, amount_minor=6_001)

        self.refused("refunded_within_amount", lambda: pipeline.run(more))
        pipeline.run(most)

    def test_negative_control_a_refund_that_would_tell_more_fails_whole(
        self, paid, advice, noon, monkeypatch
    ):
        refunding = remote.refunding
        monkeypatch.setattr(
            remote,
            "refunding",
            lambda **said: refunding(**said | {"amount_minor": said["amount_minor"] + 6_000}),
        )

        with pytest.raises(IntegrityError), transaction.atomic():
            give_back(paid, 1, noon)

        assert Payment.objects.get().refunded_minor == 4_000

    def test_refuses_a_reversal_of_what_was_refunded(self, paid, advice, noon):
        reversing = remote.reversing(document=paid.reference, at=noon)
        self.refused("refunded_within_amount", lambda: pipeline.run(reversing))

    def test_knows_a_refund_once(self, advice):
        advice.pk = None
        self.refused("refundadvice_once_a_refund", lambda: advice.save(force_insert=True))

    @pytest.mark.parametrize(
        "change", [{}, {"amount_minor": 1}, {"currency": "USD"}], ids=["sum", "amount", "currency"]
    )
    def test_refuses_advice_that_does_not_add_up(self, advice, change):
        advice.pk, advice.reference = None, "RFD-X"
        for name, value in change.items():
            setattr(advice, name, value)

        def act():
            sum_minor = 8_000 if "currency" in change else 4_000
            RemoteAuthorisation.objects.update(refunded_minor=sum_minor)
            advice.save(force_insert=True)

        self.refused("does not add up", act)

    def test_refuses_advice_of_nothing(self, advice):
        advice.pk, advice.reference, advice.amount_minor = None, "RFD-X", 0
        self.refused("amount_positive", lambda: advice.save(force_insert=True))

    @pytest.mark.parametrize(
        "change",
        [
            {"amount_minor": 3_999},
            {"reference": "RFD-X"},
            {"currency": "USD"},
            {"state": "TOLD"},
            {"told_at": made.settlement.ISSUED},
        ],
        ids=str,
    )
    def test_keeps_what_it_says(self, advice, change):
        self.refused(None, lambda: RefundAdvice.objects.update(**change))

    def test_never_leaves_its_end(self, advice, noon):
        RefundAdvice.objects.update(state="TOLD", told_at=noon)
        self.refused("transition", lambda: RefundAdvice.objects.update(state="DUE", told_at=None))

    @pytest.mark.parametrize("sql", ["DELETE FROM", "TRUNCATE"])
    def test_keeps_its_rows(self, advice, sql):
        def act():
            with connection.cursor() as cursor:
                cursor.execute(f"{sql} issuers_refundadvice")

        self.refused(None, act)

    def test_negative_control_advice_of_another_amount_than_went_back_is_found(self, paid, noon):
        extra = remote.refunding(document=paid.reference, refund="RFD-X", amount_minor=1, at=noon)
        give_back(paid, 4_000, noon)
        assert ledger.check() == []

        pipeline.run(extra)

        told_ = f"payment {paid.reference}: 4000 back to its card, its issuer told of 4001"
        assert ledger.check() == [told_]

    def test_negative_control_a_refund_that_nobody_is_told_of_is_found(
        self, paid, terminal, payer, noon, monkeypatch
    ):
        give_back(paid, 4_000, noon)  # since when advice is written
        other = terminal.asks(500, at=noon)
        payer.pays(other, at=noon)
        monkeypatch.setattr(refunds, "_advising", lambda *_told: [])

        give_back(other, 200, noon)

        told_ = f"payment {other.reference}: 200 back to its card, its issuer told of 0"
        assert ledger.check() == [told_]

    def test_what_was_refunded_before_advice_was_written_is_found_good(
        self, paid, terminal, payer, noon, monkeypatch
    ):
        with monkeypatch.context() as before:
            before.setattr(refunds, "_advising", lambda *_told: [])
            give_back(paid, 4_000, noon)
        assert ledger.check() == []

        give_back(paid, 1_000, noon + SECOND)

        assert RefundAdvice.objects.get().amount_minor == 1_000
        assert ledger.check() == []
