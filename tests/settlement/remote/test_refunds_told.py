"""How issuers' own systems are told of refunds: repeated until acknowledged, alerted, shown."""

from datetime import timedelta

import pytest

from config.models import Alert
from issuers.models import Authoriser, RefundAdvice
from issuers.selectors import authorisers as seen
from issuers.selectors import measures
from issuers.services import authorisers, outbox, remote
from settlement.models import Payment
from settlement.portal import traces
from settlement.selectors import trace
from settlement.services import asking, payments
from tests.factories import remote as at_issuers
from tests.factories.merchants import SYSTEM
from tests.settlement.remote.refunds import give_back, left, tell_once, told

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
NOWHERE = "http://127.0.0.1:9"


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
