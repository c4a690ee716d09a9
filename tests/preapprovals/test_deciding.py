"""Suspense is decided by two people: by rule of the domain, and by the database where it fails."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from config.audit import SYSTEM, Actor
from config.models import Audit
from config.people import second_person
from config.roles import Role
from settlement.models import Payment, Redemption, SuspenseProposal
from settlement.rules.redeeming import Report
from settlement.services import ledger, redemptions
from settlement.services.redemptions import completing, deciding
from settlement.services.redemptions.finding import locked_named
from tests.factories import preapprovals as made
from tests.factories.config import code_at, member, with_authenticator
from tests.preapprovals.test_redeeming import refused

pytestmark = pytest.mark.django_db
ONE = Actor(kind="USER", name="1001")
TWO = Actor(kind="USER", name="1002")


@pytest.fixture
def word(payer, noon):
    return made.approved(payer, at=noon)


@pytest.fixture
def parked(word, atm, noon):
    return atm.reports(atm.takes(word, at=noon), "UNKNOWN", journal="jam", at=noon)


@pytest.fixture
def said(parked, noon):
    return proposed(parked, noon, Report("PARTIAL", 4_000))


def proposed(parked, at, report=Report("FULL"), *, actor=ONE):  # noqa: B008  (a value)
    return redemptions.propose(
        reference=parked.reference, report=report, evidence="counted", actor=actor, at=at
    )


def agree(said, at, *, actor=TWO):
    return redemptions.agree(reference=said.reference, actor=actor, at=at)


def refuse(said, at, *, actor=TWO, reason="the count says otherwise"):
    return redemptions.refuse(reference=said.reference, reason=reason, actor=actor, at=at)


def now(parked):
    return Redemption.objects.get(pk=parked.pk).state


class TestAProposal:
    def test_moves_nothing_until_another_agrees(self, payer, parked, said, noon):
        assert (now(parked), payer.account.held_minor) == ("SUSPENSE", 10_000)
        ended = agree(said, noon)
        assert (ended.state, ended.dispensed_minor, ended.resolution) == (
            *("COMPLETED", 4_000),
            "counted",
        )
        assert payer.account.held_minor == 0
        assert ledger.check() == []

    def test_that_nothing_came_out_releases_the_hold_whatever_the_machine_wrote(
        self, payer, word, atm, noon
    ):
        parked = atm.reports(atm.takes(word, at=noon), "UNKNOWN", journal="note_mix", at=noon)
        agree(proposed(parked, noon, Report("NONE")), noon)
        preapproval = Redemption.objects.get(pk=parked.pk).preapproval
        assert (preapproval.state, payer.account.held_minor) == ("REVERSED", 0)

    def test_is_not_agreed_to_by_who_made_it(self, parked, said, noon):
        assert refused(agree, said, noon, actor=ONE) == "same_person"
        assert now(parked) == "SUSPENSE"

    def test_waits_alone(self, parked, said, noon):
        assert refused(proposed, parked, noon, Report("NONE"), actor=TWO) == "proposal_waits"

    def test_is_refused_with_words_and_another_may_follow(self, parked, said, noon):
        assert refused(refuse, said, noon, reason=" ") == "words_missing"
        assert refuse(said, noon).state == "REFUSED"
        assert refused(agree, said, noon) == "invalid_transition"
        again = proposed(parked, noon, Report("NONE"), actor=TWO)
        assert agree(again, noon, actor=ONE).state == "REVERSED"

    def test_is_withdrawn_by_who_made_it(self, parked, said, noon):
        assert refuse(said, noon, actor=ONE, reason="").state == "WITHDRAWN"
        assert now(parked) == "SUSPENSE"

    @pytest.mark.parametrize("outcome", ["FULL", "NONE"])
    def test_lapses_when_the_machine_comes_first(self, atm, parked, said, noon, outcome):
        atm.reports(parked, outcome, at=noon)
        said.refresh_from_db()
        assert (said.state, said.decided_by) == ("OVERTAKEN", "")
        assert refused(agree, said, noon) == "not_in_suspense"
        assert Payment.objects.count() == (outcome == "FULL")

    def test_stands_while_the_machine_only_repeats_that_it_does_not_know(
        self, atm, parked, said, noon
    ):
        atm.reports(parked, "UNKNOWN", journal="still", at=noon)
        assert agree(said, noon).journal == "still"

    def test_lapses_when_the_machine_takes_its_request_back(self, atm, word, noon):
        taken = atm.takes(word, at=noon, key="a-key-of-the-machine")
        late = noon + timedelta(seconds=300)
        redemptions.suspend_overdue(at=late, limit=9)
        said = proposed(taken, late)
        redemptions.reverse_request(device=atm.device, key="a-key-of-the-machine", at=late)
        said.refresh_from_db()
        assert said.state == "OVERTAKEN"

    def test_of_an_item_that_cannot_be_waits_on(self, payer, till, noon):
        gift = made.approved(payer, at=noon, kind="GIFT")
        parked = till.reports(till.takes(gift, at=noon), "UNKNOWN", at=noon)
        sold = made.approved(payer, at=noon, kind="GIFT")
        till.reports(till.takes(sold, at=noon), at=noon, item_serial="G-1")
        said = proposed(parked, noon, Report("FULL", item_serial="G-1"))
        assert refused(agree, said, noon) == "item_sold"
        said.refresh_from_db()
        assert (said.state, now(parked)) == ("PENDING", "SUSPENSE")

    def test_stands_in_the_audit_trail_with_everything_said_of_it(self, parked, said, noon):
        refuse(said, noon)
        agree(proposed(parked, noon), noon)
        acts = Audit.objects.filter(subject=parked.reference).order_by("pk")
        assert list(acts.values_list("action", "actor", "reason")) == [
            ("redemption.propose", "1001", "counted"),
            ("redemption.refuse_proposal", "1002", "the count says otherwise"),
            ("redemption.propose", "1001", "counted"),
            ("redemption.resolve", "1002", "counted"),
        ]


class TestASecondPerson:
    @pytest.fixture
    def pair(self, parked):
        issuer = parked.preapproval.card.issuer.reference
        people = [member(role, issuer) for role in (Role.ISSUER_RISK, Role.ISSUER_OPERATIONS)]
        with_authenticator(people[1])
        return people

    def agreed(self, pair, parked, code):
        maker, second = (Actor(kind="USER", name=str(person.pk)) for person in pair)
        at = timezone.now()
        said = proposed(parked, at, actor=maker)
        told = {"reference": said.reference, "person": pair[1], "code": code, "at": at}
        return redemptions.agree_proved(**told, actor=second)

    def test_agrees_under_a_second_factor(self, pair, parked):
        ended = self.agreed(pair, parked, code_at(timezone.now()))
        assert (ended.state, ended.resolved_by) == ("COMPLETED", f"USER {pair[1].pk}")

    def test_without_it_agrees_to_nothing(self, pair, parked):
        assert refused(self.agreed, pair, parked, "000000") == "wrong_code"
        assert now(parked) == "SUSPENSE"

    def test_behind_whom_the_maker_stands_is_none(self, pair, parked, monkeypatch):
        monkeypatch.setattr(second_person.lines, "share_one", lambda **_told: True)
        told = (self.agreed, pair, parked, code_at(timezone.now()))
        assert refused(*told) == "not_independent"
        assert now(parked) == "SUSPENSE"


class TestTheDatabase:
    def test_takes_no_agreement_of_one_person(self, said, noon):
        with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
            SuspenseProposal.objects.filter(pk=said.pk).update(
                state="AGREED", decided_by="1001", decided_at=noon
            )

    def test_control_without_the_rule_the_database_still_refuses(
        self, parked, said, noon, monkeypatch
    ):
        monkeypatch.setattr(deciding, "_is_maker", lambda _held, _actor: False)
        with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
            agree(said, noon, actor=ONE)
        assert now(parked) == "SUSPENSE"

    def test_lets_the_desk_end_nothing_that_two_did_not_decide(self, parked, noon):
        def end_alone():
            held = locked_named(reference=parked.reference)
            by = {"resolved_by": "USER 1001", "resolution": "counted"}
            completing.settle(held, report=Report("NONE"), dispensed_minor=0, at=noon, **by)
            connection.check_constraints()

        with pytest.raises(IntegrityError, match="was not decided by two"), transaction.atomic():
            end_alone()

    def test_lets_nothing_else_come_out_than_was_agreed_to(self, parked, said, noon):
        def post_more():
            held = locked_named(reference=parked.reference)
            said.transition("AGREED", decided_by="1002", decided_at=noon)
            by = {"resolved_by": "USER 1002", "resolution": "counted"}
            report = Report("PARTIAL", 9_000)
            completing.settle(held, report=report, dispensed_minor=9_000, at=noon, **by)
            connection.check_constraints()

        with pytest.raises(IntegrityError, match="was not decided by two"), transaction.atomic():
            post_more()

    def test_leaves_no_proposal_open_behind_what_ended(self, atm, parked, said, noon, monkeypatch):
        monkeypatch.setattr(completing, "_overtake", lambda _redemption, _at: None)

        def report():
            atm.reports(parked, "NONE", at=noon)
            connection.check_constraints()

        with pytest.raises(IntegrityError, match="was not decided by two"), transaction.atomic():
            report()

    @pytest.mark.parametrize(
        ("outcome", "minor"), [("FULL", 9_999), ("PARTIAL", 10_000), ("PARTIAL", 0), ("NONE", 1)]
    )
    def test_takes_no_proposal_that_contradicts_itself(self, parked, noon, outcome, minor):
        with pytest.raises(IntegrityError, match="does not fit"), transaction.atomic():
            SuspenseProposal.objects.create(
                reference="SPR-0000000000",
                redemption=parked,
                outcome=outcome,
                dispensed_minor=minor,
                evidence="counted",
                proposed_by="1001",
                proposed_at=noon,
            )

    def test_keeps_what_was_proposed(self, said):
        for change in ({"dispensed_minor": 10_000}, {"evidence": "x"}, {"proposed_by": "1003"}):
            with pytest.raises(Exception, match="Cannot update rows"), transaction.atomic():
                SuspenseProposal.objects.filter(pk=said.pk).update(**change)


def test_two_who_propose_at_once_are_one_after_the_other(parked, noon):
    proposed(parked, noon)
    with pytest.raises(IntegrityError, match="one_waits"), transaction.atomic():
        SuspenseProposal.objects.create(
            reference="SPR-0000000000",
            redemption=parked,
            outcome="NONE",
            dispensed_minor=0,
            evidence="counted",
            proposed_by=SYSTEM.name,
            proposed_at=noon,
        )
