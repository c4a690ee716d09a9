"""A business day closed at the settlement desk: shown first, refused where it is not ready."""

from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.urls import reverse

from config import jobs
from config.audit import SYSTEM
from config.models import Alert, Audit, Job
from config.roles import MATRIX, Right, Role
from settlement import tasks
from settlement.models import DayClose, Payout, Redemption
from settlement.selectors import standing
from settlement.services import closing, closing_jobs
from tests.factories import preapprovals
from tests.settlement_portal.world import payer_of


@pytest.fixture
def day(world):
    return world.sell(7_000, 500)[0].business_date


@pytest.fixture
def address(world, day):
    return reverse("day-close", args=[world.merchant.reference, day.isoformat()])


@pytest.fixture
def parked(world, day):
    machine = preapprovals.atm(store=world.merchant.stores.get())
    made = preapprovals.approved(payer_of(world), 50_000, at=world.now)
    return machine.reports(machine.takes(made, at=world.now), "UNKNOWN", at=world.now)


def work(at, *, steps=9):
    """Let a worker do what waits; return the newest job."""
    for job in jobs.waiting(kind=closing_jobs.KIND):
        for _ in range(steps):
            if not closing_jobs.run_step(job=job, at=at):
                break
    return Job.objects.latest("pk")


def text(answer):
    return unescape(answer.content.decode())


def test_what_would_be_closed_is_shown_and_nothing_is(clerk, world, day, address):
    page = text(clerk.get(address))

    assert "Ready to close." in page
    assert "7,500" in page
    assert "disabled" not in page.split("Close the day")[0].rsplit("<button", 1)[1]
    assert not DayClose.objects.exists()
    assert address in text(clerk.get(address.removesuffix("/close")))


def test_it_is_closed_by_a_job_that_says_how_far_it_is(clerk, world, day, address):
    page = clerk.post(address).url
    job = Job.objects.get()
    assert job.reference in page
    told = text(clerk.get(page))
    assert "Waiting" in told
    assert "not begun" in told
    closing_jobs.run_step(job=job.reference, at=world.now)
    state = clerk.get(f"{page}/state")
    assert "cleared" in text(state)
    assert "HX-Refresh" not in state.headers
    assert work(world.now).state == "DONE"

    assert clerk.get(f"{page}/state").headers["HX-Refresh"] == "true"
    assert "The day is closed, and all sides agree." in text(clerk.get(page))
    assert Payout.objects.get().sales_minor == 7_500
    acts = Audit.objects.filter(action="day.close")
    assert [(act.actor_kind, act.after) for act in acts] == [
        ("USER", {"business_date": day.isoformat()})
    ]
    assert "Close the day" not in text(clerk.get(address.removesuffix("/close")))


def test_twice_is_one_job_and_afterwards_it_is_closed(clerk, world, day, address):
    assert clerk.post(address).url == clerk.post(address).url
    assert "It is being closed" in text(clerk.get(address))
    work(world.now)
    assert clerk.post(address).url == address.removesuffix("/close")
    assert (Job.objects.count(), DayClose.objects.count(), Payout.objects.count()) == (1, 1, 1)


def plant_a_difference():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("UPDATE settlement_merchantday SET sales_minor = sales_minor + 1")


AGAINST = {
    "suspense_open": "Redemptions in suspense at its machines: 1",
    "batches_waiting": "Batches accepted and not posted yet: 1",
    "day_differs": "Differences nobody has explained: 1",
}


@pytest.fixture
def unready(world, day, request):
    """Return a function that lets one thing stand against the day."""

    def let(code):
        if code == "suspense_open":
            return request.getfixturevalue("parked")
        if code == "batches_waiting":
            return world.shop.upload(world.card.sale(world.shop, 1_000))
        return plant_a_difference()

    return let


@pytest.mark.parametrize("code", AGAINST)
def test_what_stands_against_it_is_named_and_refuses_it(clerk, world, day, address, unready, code):
    unready(code)
    page = text(clerk.get(address))
    assert "Not ready to close." in page
    assert AGAINST[code] in page
    assert 'disabled aria-describedby="why-not"' in page

    assert clerk.post(address).status_code == 409
    with pytest.raises(closing_jobs.DayNotReady) as refused:
        closing_jobs.start(merchant=world.merchant, day=day, actor=SYSTEM, at=world.now)
    assert (refused.value.code, refused.value.extra) == ("day_not_ready", {"against": [code]})
    assert not Job.objects.exists()


def test_what_comes_up_before_a_worker_begins_ends_it_with_nothing_closed(
    clerk, world, day, address, unready
):
    page = clerk.post(address).url
    unready("suspense_open")

    job = work(world.now)

    assert (job.state, job.errors[0]["code"]) == ("FAILED", "day_not_ready")
    assert "Nothing was closed" in text(clerk.get(page))
    assert not DayClose.objects.exists()


def test_control_without_the_look_a_day_in_suspense_is_closed(
    clerk, world, day, address, parked, monkeypatch
):
    monkeypatch.setattr(standing, "against", lambda **_told: [])
    clerk.post(address)
    assert work(world.now).state == "DONE"


def test_suspense_leads_to_the_desk_that_decides_it(clerk, world, day, address, parked):
    desk = reverse("suspense-resolve", args=[world.issuer.reference, parked.reference])
    assert desk in text(clerk.get(address))
    preapprovals.decided(parked, preapprovals.Report("NONE"), at=world.now)
    assert Redemption.objects.get().state == "REVERSED"
    assert "Ready to close." in text(clerk.get(address))


def test_it_stops_before_it_began_and_not_in_the_middle(clerk, world, day, address):
    page = clerk.post(address).url
    clerk.post(f"{page}/cancel")
    assert work(world.now).state == "CANCELLED"
    assert not DayClose.objects.exists()
    assert Audit.objects.filter(action="job.cancel").count() == 1

    again = clerk.post(address).url
    work(world.now, steps=1)
    clerk.post(f"{again}/cancel")
    assert work(world.now).state == "CANCELLED"
    assert DayClose.objects.exists()
    closing.close_day(merchant=world.merchant, day=day, actor=SYSTEM, at=world.now)
    assert Payout.objects.count() == 1


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_worker_that_dies_between_steps_loses_and_repeats_nothing(
    clerk, world, day, address, steps
):
    clerk.post(address)
    work(world.now, steps=steps)
    assert Job.objects.get().state == "RUNNING"
    tasks.close_days()
    assert Job.objects.get().state == "DONE"
    assert (DayClose.objects.count(), Payout.objects.count()) == (1, 1)


def test_one_that_cannot_go_on_holds_up_no_other(clerk, world, day, address):
    odd = jobs.queue(
        kind=closing_jobs.KIND,
        tenant=world.other_shop.merchant.reference,
        total=4,
        arguments={"day": "no date"},
        actor=SYSTEM,
        at=world.now,
    )
    clerk.post(address)
    tasks.close_days()
    assert Job.objects.latest("pk").state == "DONE"
    alert = Alert.objects.get(kind="day_not_closed")
    assert (alert.subject, alert.tenant) == (odd.reference, odd.tenant)
    tasks.close_days()
    assert Alert.objects.count() == 1

    jobs.cancel(job=odd, at=world.now, actor=SYSTEM)
    tasks.try_stuck_again()
    odd.refresh_from_db()
    alert.refresh_from_db()
    assert (odd.state, alert.cleared_at is None) == ("CANCELLED", False)


def test_a_day_ahead_is_not_closed(clerk, world, day):
    ahead = (day + timedelta(days=3)).isoformat()
    url = reverse("day-close", args=[world.merchant.reference, ahead])
    assert "has not begun" in text(clerk.get(url))
    assert clerk.post(url).status_code == 409
    assert not Job.objects.exists()


@pytest.mark.parametrize("role", Role)
def test_who_may_close_days(world, day, staff, address, role):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    may = Right.CLOSE_DAYS in MATRIX[role]
    assert browser.get(address).status_code == (200 if may else 403)
    assert browser.post(address).status_code == (302 if may else 403)
    assert Job.objects.exists() == may
    if not may:
        held = closing_jobs.start(merchant=world.merchant, day=day, actor=SYSTEM, at=world.now)
        for name in ("", "/state"):
            assert browser.get(f"{address}/{held.reference}{name}").status_code == 403
        assert browser.post(f"{address}/{held.reference}/cancel").status_code == 403


def test_a_job_is_found_at_its_own_day_alone(clerk, world, day, address):
    job = clerk.post(address).url.rsplit("/", 1)[1]
    other = reverse("day-close", args=[world.other_shop.merchant.reference, day.isoformat()])
    before = reverse("day-close", args=[world.merchant.reference, "2026-01-01"])
    for foreign in (other, before):
        assert clerk.get(f"{foreign}/{job}").status_code == 404
        assert clerk.post(f"{foreign}/{job}/cancel").status_code == 404


def test_it_takes_few_queries(clerk, world, day, address, parked, django_assert_max_num_queries):
    with django_assert_max_num_queries(24):
        text(clerk.get(address))
