"""Suspense: what a machine did not say is decided by two people, from its journal (5.10)."""

import csv

import pytest
from django.urls import reverse
from django.utils import timezone

from config.models import Audit
from settlement.models import Payment, Redemption, SuspenseProposal
from tests.factories import preapprovals
from tests.factories.config import code_at


@pytest.fixture
def queue(world):
    return reverse("suspense-list", args=[world.issuer.reference])


@pytest.fixture
def form(world, parked):
    return reverse("suspense-resolve", args=[world.issuer.reference, parked.reference])


def now(parked):
    return Redemption.objects.get(pk=parked.pk)


def test_5_10_unknown_appears_in_the_queue_with_the_machines_journal(auditor, queue, parked):
    page = auditor.get(queue).content.decode()

    assert parked.reference in page
    assert "feeding 1x50000; power cut" in page
    assert f"{queue}/{parked.reference}" not in page, "an auditor only looks"


def test_the_journal_stands_beside_the_decision(risk, form):
    page = risk.get(form).content.decode()

    assert "feeding 1x50000; power cut" in page
    assert "50,000" in page
    assert "Parked in suspense" in page


def waiting():
    return SuspenseProposal.objects.get(state="PENDING")


def answer(browser, form, act, **said):
    """Answer what waits: agree under a second factor, or refuse."""
    return browser.post(f"{form}/{waiting().reference}/{act}", said)


def agree(browser, form):
    return answer(browser, form, "agree", proof=code_at(timezone.now()))


def test_all_of_it_posts_the_hold_when_a_second_person_agrees(
    risk, operations, queue, form, parked
):
    answer = risk.post(form, {"outcome": "FULL", "reason": "Count is short by 50,000"})

    assert answer.url == queue
    assert now(parked).state == "SUSPENSE"
    assert not Payment.objects.exists()
    assert agree(operations, form).url == queue
    assert now(parked).state == "COMPLETED"
    assert Payment.objects.get().amount_minor == 50_000
    acts = Audit.objects.filter(subject=parked.reference).order_by("pk")
    assert [act.action for act in acts] == ["redemption.propose", "redemption.resolve"]
    assert len({act.actor for act in acts}) == 2


def test_a_part_posts_that_part(risk, operations, form, parked):
    said = {"outcome": "PARTIAL", "amount": "20,000", "reason": "Two notes are in the bin"}
    risk.post(form, said)
    agree(operations, form)

    assert now(parked).dispensed_minor == 20_000
    assert Payment.objects.get().amount_minor == 20_000


def test_nothing_releases_the_hold(risk, operations, form, parked, made):
    risk.post(form, {"outcome": "NONE", "reason": "The count agrees"})
    agree(operations, form)

    assert now(parked).state == "REVERSED"
    assert preapprovals.state_of(made) == "REVERSED"
    assert not Payment.objects.exists()


def test_who_proposed_it_only_withdraws_it(risk, form, parked):
    risk.post(form, {"outcome": "NONE", "reason": "The count agrees"})
    page = risk.get(form).content.decode()

    assert "Another person must agree" in page
    assert "/agree" not in page
    refused = agree(risk, form)
    assert refused.status_code == 422
    assert "Another person must agree to this" in refused.content.decode()
    assert now(parked).state == "SUSPENSE"
    answer(risk, form, "refuse")
    assert SuspenseProposal.objects.get().state == "WITHDRAWN"


def test_a_wrong_second_factor_agrees_to_nothing(risk, operations, form, parked):
    risk.post(form, {"outcome": "NONE", "reason": "The count agrees"})
    assert answer(operations, form, "agree", proof="000000").status_code == 422
    assert now(parked).state == "SUSPENSE"


def test_a_second_person_refuses_with_words_and_the_first_one_reads_them(
    risk, operations, form, parked
):
    risk.post(form, {"outcome": "NONE", "reason": "The count agrees"})
    page = operations.get(form).content.decode()
    for told in ("Nothing came out: release the hold", "The count agrees", "Agree", "Refuse"):
        assert told in page
    assert answer(operations, form, "refuse").status_code == 422
    answer(operations, form, "refuse", reason="It was counted before the cut")

    page = risk.get(form).content.decode()
    assert "It was counted before the cut" in page
    assert 'name="outcome"' in page
    assert now(parked).state == "SUSPENSE"


def test_odd_bytes_in_those_words_are_no_fault(risk, operations, form, parked):
    risk.post(form, {"outcome": "NONE", "reason": "The count agrees"})
    operations.raise_request_exception = False
    assert answer(operations, form, "refuse", reason="a\0b").status_code < 500


def test_what_waits_for_a_second_person_has_its_view_and_its_file(risk, auditor, queue, form):
    empty = auditor.get(queue, {"view": "proposed"}).content.decode()
    assert "None in this view" in empty
    risk.post(form, {"outcome": "NONE", "reason": "The count agrees"})

    page = risk.get(queue, {"view": "proposed"}).content.decode()
    assert "waits for a second person" in page
    assert "Review" in page
    answer = auditor.get(queue, {"view": "proposed", "as": "csv"})
    rows = list(csv.reader(b"".join(answer.streaming_content).decode()[1:].splitlines()))
    told = dict(zip(*rows, strict=True))
    assert (told["Proposed"], told["Its evidence"]) == ("NONE", "The count agrees")


def test_a_proposal_is_answered_at_its_own_redemption_alone(
    world, risk, operations, form, parked, payer, machine
):
    risk.post(form, {"outcome": "FULL", "reason": "Count"})
    other = preapprovals.approved(payer, 10_000, at=world.now)
    begun = machine.takes(other, at=world.now)
    machine.reports(begun, "UNKNOWN", at=world.now)
    elsewhere = reverse("suspense-resolve", args=[world.issuer.reference, begun.reference])

    assert agree(operations, elsewhere).status_code == 422
    assert answer(operations, elsewhere, "refuse", reason="x").status_code == 404
    assert now(parked).state == "SUSPENSE"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"outcome": "FULL"},
        {"outcome": "PARTIAL", "reason": "x"},
        {"outcome": "PARTIAL", "amount": "0", "reason": "x"},
        {"outcome": "PARTIAL", "amount": "50,000", "reason": "x"},
        {"outcome": "PARTIAL", "amount": "1e9", "reason": "x"},
        {"outcome": "UNKNOWN", "reason": "x"},
    ],
)
def test_what_decides_nothing_is_refused(risk, form, parked, said):
    assert "There is a problem" in risk.post(form, said).content.decode()
    assert now(parked).state == "SUSPENSE"


def test_a_late_report_of_the_machine_may_come_first(risk, world, form, parked, machine):
    machine.reports(parked, "FULL", at=world.now)

    page = risk.post(form, {"outcome": "NONE", "reason": "Nothing came out"}).content.decode()

    assert "does not wait for anybody" in page
    assert Payment.objects.get().amount_minor == 50_000


def test_what_was_decided_is_found_with_its_words(risk, operations, queue, form):
    risk.post(form, {"outcome": "NONE", "reason": "The count agrees"})
    agree(operations, form)

    assert "The count agrees" in risk.get(queue, {"view": "resolved"}).content.decode()
    assert "None in this view" in risk.get(queue).content.decode()


def test_a_ticket_does_not_come_out_in_part(risk, operations, world, payer, machine):
    gift = preapprovals.approved(payer, 30_000, kind="GIFT", at=world.now)
    begun = machine.takes(gift, at=world.now)
    parked = machine.reports(begun, "UNKNOWN", at=world.now)
    url = reverse("suspense-resolve", args=[world.issuer.reference, parked.reference])

    assert 'value="PARTIAL"' not in risk.get(url).content.decode()
    risk.post(url, {"outcome": "FULL", "item_serial": "G-7", "reason": "The roll is one shorter"})
    assert "G-7" in operations.get(url).content.decode()
    agree(operations, url)
    assert now(parked).item_serial == "G-7"
