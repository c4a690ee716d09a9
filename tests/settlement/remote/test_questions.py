"""Questions to an issuer's own system: who has them in hand, where they go, what holds them."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from config.models import Audit
from issuers.models import RemoteAuthorisation
from issuers.services import authorisers, outbox, remote
from issuers.services.lines import Came, Outcome
from settlement.models import Payment
from settlement.services import asking
from tests.factories import remote as at_issuers
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from tests.factories.remote import question

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


class TestWhatCannotBeSettled:
    @pytest.fixture
    def words(self, asked, noon):
        """A yes, and after it one that nobody can read; the last is settled first."""
        (parcel,) = outbox.claim_questions(busy={}, limit=9, at=noon)
        yes = Outcome(parcel, Came.WORD, remote.Word(None, is_told=True))
        return [yes, yes._replace(word=None)]

    def turn(self, words, noon):
        with asking.senders(clock=lambda: noon) as nothing:
            return asking.turn(under_way=nothing, unsettled=words, clock=lambda: noon, wait_s=0.01)

    def test_holds_up_nothing_that_came_with_it(self, words, noon):
        assert self.turn(words, noon) == []
        assert Payment.objects.get().state == "APPROVED"

    def test_control_it_would_without_the_net(self, words, noon, monkeypatch):
        monkeypatch.setattr(asking, "_try_to_settle", lambda word, at: asking.settle(word, at=at))
        with pytest.raises(AttributeError):
            self.turn(words, noon)
        assert Payment.objects.get().state == "APPROVING"


class TestATurn:
    def statements(self, noon, queries):
        with asking.senders(clock=lambda: noon) as nothing, queries as made:
            asking.turn(under_way=nothing, unsettled=[], clock=lambda: noon, wait_s=0.01)
        return len(made)

    def test_with_nothing_to_ask_is_one_statement(self, noon):
        assert self.statements(noon, CaptureQueriesContext(connection)) == 1

    def test_with_a_question_goes_through_it_all(self, asked, noon):
        assert self.statements(noon, CaptureQueriesContext(connection)) > 1


class TestLeases:
    def test_what_is_being_asked_is_nobody_elses(self, asked, noon):
        (parcel,) = outbox.claim_questions(busy={}, limit=9, at=noon)

        assert not outbox.claim_questions(busy={}, limit=9, at=noon + SECOND)
        outbox.renew(parcels=[parcel], at=noon + SECOND)
        assert not outbox.claim_questions(busy={}, limit=9, at=noon + 2 * SECOND)

    def test_without_a_sign_of_life_another_asks(self, asked, noon):
        (first,) = outbox.claim_questions(busy={}, limit=9, at=noon)
        (second,) = outbox.claim_questions(busy={}, limit=9, at=noon + 2 * SECOND)
        outbox.postpone(parcel=first, at=noon)
        outbox.renew(parcels=[first], at=noon + 60 * SECOND)

        assert (second.number, second.message) == (2, first.message)
        assert question().next_at < noon + 4 * SECOND

    def test_an_issuer_has_its_places(self, payer, asked, noon):
        issuer = payer.held.card.issuer.pk

        assert not outbox.claim_questions(busy={issuer: outbox.PLACES}, limit=9, at=noon)


class TestTheIssuersSystem:
    @pytest.fixture
    def issuer(self, payer):
        return payer.held.card.issuer

    def test_left_again_the_portal_decides(self, terminal, payer, issuer, noon):
        authorisers.leave(issuer=issuer, at=noon, actor=SYSTEM)

        assert payer.asks_to_pay(terminal.asks(at=noon), at=noon).state == "APPROVED"
        assert not RemoteAuthorisation.objects.exists()

    def test_what_was_asked_there_goes_on(self, asked, issuer, authority, noon):
        authorisers.leave(issuer=issuer, at=noon, actor=SYSTEM)
        at_issuers.sent(at=noon)

        assert authority.stands(asked)

    def test_its_token_lies_sealed_and_its_use_is_audited(self, issuer):
        assert at_issuers.TOKEN.encode() not in bytes(issuer.authoriser.token)
        assert Audit.objects.filter(action="issuer.authoriser_use").count() == 1

    @pytest.mark.parametrize(
        "url",
        [
            "http://pay.example",
            "ftp://127.0.0.1",
            "https://a@b.example",
            "https://",
            "x",
            "http://[",
        ],
    )
    def test_is_asked_by_https_alone(self, issuer, noon, url):
        with pytest.raises(authorisers.AuthoriserRefused):
            authorisers.use(issuer=issuer, url=url, token="t" * 16, at=noon, actor=SYSTEM)


class TestTheDatabase:
    @pytest.mark.parametrize(
        "change",
        [{"state": "REVERSED"}, {"amount_minor": 1}, {"ended_at": made.settlement.ISSUED}],
        ids=str,
    )
    def test_holds_a_question_to_its_rules(self, asked, change):
        with pytest.raises(DatabaseError), transaction.atomic():
            RemoteAuthorisation.objects.update(**change)

    def test_keeps_one_question_a_payment(self, asked):
        again = question()
        again.pk = None

        with pytest.raises(IntegrityError), transaction.atomic():
            again.save(force_insert=True)
