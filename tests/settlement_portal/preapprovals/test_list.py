"""An issuer's pre-approvals: listed as they move, narrowed, looked at, cancelled."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from config.models import Audit
from settlement.models import Preapproval
from settlement.services import preapprovals as service
from tests.factories import preapprovals


@pytest.fixture
def address(world):
    return reverse("preapproval-list", args=[world.issuer.reference])


def text(browser, url, **query):
    answer = browser.get(url, query)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_it_tells_what_is_held_and_never_the_number(auditor, address, made):
    page = text(auditor, address)

    assert made.preapproval.reference in page
    assert "50,000" in page
    assert "Cash withdrawal" in page
    assert made.number not in page
    assert made.number[:4] + " " + made.number[4:8] not in page


def test_the_rows_alone_are_redrawn_while_it_is_open(auditor, world, address, made, machine):
    assert "data-polled" in text(auditor, address)
    machine.takes(made, at=world.now)

    rows = text(auditor, reverse("preapproval-rows", args=[world.issuer.reference]))
    assert "In progress" in rows
    assert "<html" not in rows
    assert "data-polled" not in text(auditor, address, after="999999")


def test_views_and_kinds_narrow_it(auditor, world, address, payer, made):
    gift = preapprovals.approved(payer, 30_000, kind="GIFT", at=world.now)
    service.cancel(device=payer.phone, reference=gift.preapproval.reference, at=world.now)

    reference = gift.preapproval.reference
    assert reference in text(auditor, address, view="ended")
    assert reference not in text(auditor, address, view="open")
    assert reference in text(auditor, address, kind="GIFT")
    assert made.preapproval.reference not in text(auditor, address, kind="GIFT")
    assert "Nothing matches" in text(auditor, address, kind="LOTTERY")


def test_it_is_found_by_reference_last_four_and_machine(auditor, world, address, made, machine):
    machine.takes(made, at=world.now)
    held = made.preapproval
    for typed in (held.reference, held.card.last4, machine.device.reference):
        assert held.reference in text(auditor, address, q=typed)
    assert "Nothing matches" in text(auditor, address, q="nobody")
    asked = auditor.get(address, {"q": made.number})
    assert asked.url.rstrip("?") == address, "a number stays in no address"


def test_days_narrow_it(auditor, world, address, made):
    day = made.preapproval.day
    following = (day + timedelta(days=1)).isoformat()
    assert made.preapproval.reference in text(auditor, address, **{"from": day.isoformat()})
    assert "Nothing matches" in text(auditor, address, **{"from": following})
    assert text(auditor, address, **{"from": "gibberish"})


def test_one_shows_all_that_happened(auditor, world, made, machine):
    machine.reports(machine.takes(made, at=world.now), at=world.now)
    held = made.preapproval
    page = text(auditor, reverse("preapproval", args=[world.issuer.reference, held.reference]))

    for said in ("Approved and held", "A machine locked the number", "Paid out and posted"):
        assert said in page
    assert made.number not in page


def test_a_bad_try_stands_in_its_story(auditor, world, made, machine):
    with pytest.raises(Exception, match="amount"):
        machine.takes(made, amount_minor=1_000, currency="KRW", at=world.now)
    held = made.preapproval
    page = text(auditor, reverse("preapproval", args=[world.issuer.reference, held.reference]))
    assert "Wrong amount keyed" in page


class TestCancelling:
    @pytest.fixture
    def form(self, world, made):
        args = [world.issuer.reference, made.preapproval.reference]
        return reverse("preapproval-cancel", args=args)

    def test_it_ends_with_words_and_a_trace(self, risk, form, made):
        assert risk.get(form).status_code == 200
        answer = risk.post(form, {"reason": "The phone was stolen"})

        held = Preapproval.objects.get(pk=made.preapproval.pk)
        assert answer.status_code == 302
        assert (held.state, held.ending) == ("CANCELLED", "ISSUER")
        assert Audit.objects.filter(action="preapproval.cancel").count() == 1

    def test_it_wants_words(self, risk, form, made):
        assert "There is a problem" in risk.post(form, {"reason": " "}).content.decode()
        assert preapprovals.state_of(made) == "APPROVED"

    def test_what_a_machine_has_stays(self, risk, world, form, made, machine):
        machine.takes(made, at=world.now)
        page = risk.post(form, {"reason": "Too late"}).content.decode()

        assert "A machine is paying it out" in page
        assert preapprovals.state_of(made) == "IN_PROGRESS"


def test_what_ran_out_says_when_its_hold_was_released(auditor, world, address, made):
    later = world.now + timedelta(hours=1)
    service.expire_due(at=later, limit=10)
    with time_machine.travel(later, tick=False):
        assert "hold released at" in text(auditor, address, view="ended")


def test_it_takes_few_queries(auditor, world, address, payer, made, django_assert_max_num_queries):
    for _ in range(5):
        preapprovals.approved(payer, 10_000, at=world.now)
    rows = reverse("preapproval-rows", args=[world.issuer.reference])
    one = reverse("preapproval", args=[world.issuer.reference, made.preapproval.reference])
    for url, most in ((address, 14), (rows, 13), (one, 13)):
        with django_assert_max_num_queries(most):
            auditor.get(url)
