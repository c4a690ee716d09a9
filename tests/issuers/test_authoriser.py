"""The stand-in for an issuer's own system, and what is believed of such a system's answers."""

import json

import pytest

from config.wire.errors import Malformed
from issuers.authoriser.book import Book, Failure, Settings
from issuers.rules.authorisation import DeclineReason
from issuers.services import remote
from issuers.wire import authorising
from issuers.wire.authorising import Decision, Question, Refund

ASKED = Question("PAY-1", "Y2FyZA", "MER-1", 1_000, "KRW")

BACK = Refund("RFD-1", "PAY-1", 400, "KRW")


def book(**settings):
    return Book(pause=lambda _s: None, settings=Settings(**settings))


class TestTheBook:
    def test_says_the_same_word_again_whatever_it_was_told_since(self):
        kept = book()
        first = kept.authorise(ASKED)
        kept.settings = Settings(failure=Failure.DECLINE)

        assert kept.authorise(ASKED)[1] == first[1] == Decision(approved=True)
        assert kept.standing()["stands"] == {"PAY-1": 1_000}

    def test_undoes_an_approval(self):
        kept = book()
        kept.authorise(ASKED)

        assert kept.reverse("PAY-1")
        assert kept.standing()["stands"] == {}

    def test_refuses_what_a_reversal_overtook(self):
        kept = book()
        kept.reverse("PAY-1")

        assert not kept.authorise(ASKED)[1].approved
        assert kept.standing()["approved"] == 0

    def test_refuses_a_reversal_that_came_while_it_thought(self):
        kept = book(failure=Failure.LATE)
        kept.pause = lambda _s: kept.reverse("PAY-1")

        assert not kept.authorise(ASKED)[1].approved

    def test_knows_one_question_a_document(self):
        kept = book()
        kept.authorise(ASKED)

        with pytest.raises(ValueError, match="another question"):
            kept.authorise(ASKED._replace(amount=999))

    def test_gives_a_refund_back_once_however_often_it_is_told(self):
        kept = book()
        kept.authorise(ASKED)

        kept.refund(BACK)
        kept.refund(BACK)

        assert kept.standing()["stands"] == {"PAY-1": 600}
        assert kept.standing()["told"] == 2

    @pytest.mark.parametrize(
        "other",
        [
            BACK._replace(amount=399),
            Refund("RFD-2", "PAY-1", 601, "KRW"),
            Refund("RFD-2", "PAY-1", 1, "USD"),
            Refund("RFD-2", "PAY-2", 1, "KRW"),
        ],
        ids=["another under its name", "above what is left", "currency", "document"],
    )
    def test_refuses_a_refund_of_what_does_not_stand(self, other):
        kept = book()
        kept.authorise(ASKED)
        kept.refund(BACK)

        with pytest.raises(ValueError, match=r"refund|stands"):
            kept.refund(other)

        assert kept.standing()["stands"] == {"PAY-1": 600}

    def test_refuses_a_refund_of_what_it_reversed_or_declined(self):
        kept = book(failure=Failure.DECLINE)
        kept.authorise(ASKED)
        kept.reverse("PAY-2")

        for document in ("PAY-1", "PAY-2"):
            with pytest.raises(ValueError, match="nothing stands"):
                kept.refund(BACK._replace(document=document))

    def test_fails_by_its_seed(self):
        def drawn(seed):
            kept = Book(pause=lambda _s: None, settings=Settings(failure=Failure.MIXED), seed=seed)
            return [kept.authorise(ASKED._replace(document=f"PAY-{n}"))[0] for n in range(20)]

        assert drawn(1) == drawn(1) != drawn(2)

    def test_fails_in_every_way_before_it_fails_twice_in_one(self):
        book = Book(pause=lambda _s: None, settings=Settings(failure=Failure.MIXED))
        met = [book.authorise(ASKED._replace(document=f"PAY-{n}"))[0] for n in range(7)]
        again = [book.authorise(ASKED._replace(document=f"PAY-{n}"))[0] for n in range(7)]

        assert set(met) == set(Failure) - {Failure.MIXED}
        assert again == met


class TestWhatIsBelieved:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{",
            b"[" * 5000,
            b"\xff",
            json.dumps({"document": "PAY-2", "decision": "APPROVED"}).encode(),
            json.dumps({"document": "PAY-1", "decision": "MAYBE"}).encode(),
            json.dumps({"document": "PAY-1", "decision": ["APPROVED"]}).encode(),
            json.dumps({"document": "PAY-1", "decision": "DECLINED", "reason": 5}).encode(),
        ],
        ids=str,
    )
    def test_nothing_but_a_decision_on_this_document(self, body):
        with pytest.raises(Malformed):
            authorising.decision_of(body, document="PAY-1")

    def test_a_reason_of_its_own_is_issuer_refused(self):
        assert remote.word_of(Decision(False, "velocity")).reason is DeclineReason.VELOCITY
        assert remote.word_of(Decision(False, "51")).reason is DeclineReason.ISSUER_REFUSED
        assert remote.word_of(Decision(True)) == remote.Word(None, is_told=True)

    def test_a_question_survives_the_way(self):
        assert authorising.question_of(authorising.body_of(ASKED)) == ASKED

    def test_a_refund_survives_the_way(self):
        assert authorising.refund_in(authorising.refund_of(BACK)) == BACK

    @pytest.mark.parametrize(
        "change", [{"amount": 0}, {"amount": True}, {"amount": "1"}, {"refund": 1}, {"more": 1}]
    )
    def test_nothing_but_a_refund_is_one(self, change):
        with pytest.raises(Malformed):
            authorising.refund_in(json.dumps(BACK._asdict() | change).encode())

    @pytest.mark.parametrize(
        "told",
        [
            {},
            {"refund": "RFD-1"},
            {"refund": 1, "state": "REFUNDED"},
            {"refund": "RFD-1", "state": "DUE"},
        ],
        ids=str,
    )
    def test_nothing_but_a_word_on_a_refund_acknowledges_it(self, told):
        with pytest.raises(Malformed):
            authorising.refunded_in(json.dumps(told).encode())
