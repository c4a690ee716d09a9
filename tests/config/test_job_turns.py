"""Jobs go on in turn, and one that breaks holds up none of the others."""

from datetime import timedelta

import pytest
from django.db import OperationalError, transaction

from config import jobs
from config.audit import SYSTEM
from config.models import Job

pytestmark = pytest.mark.django_db
KIND = "counting"


@pytest.fixture
def two(noon):
    return [_queued(at=noon), _queued(at=noon)]


def _queued(*, at):
    return jobs.queue(kind=KIND, tenant="", total=2, arguments={}, actor=SYSTEM, at=at)


class Steps:
    """Steps that count; one of the job named ``broken`` raises after it took the job."""

    def __init__(self, *, broken="", error=ZeroDivisionError):
        self.broken, self.error = broken, error
        self.done = []

    @transaction.atomic
    def __call__(self, *, job, at):
        held = jobs.take(job=job, kind=KIND, at=at)
        if held is None:
            return False
        if job == self.broken:
            raise self.error
        self.done.append(job)
        return jobs.note_progress(job=held, done=1, errors=[], at=at)


def run(steps, at, *, lasting=timedelta(seconds=1)):
    jobs.run_in_turn(steps={KIND: steps}, clock=lambda: at, until=at + lasting)


def states(two):
    return [Job.objects.get(pk=job.pk).state for job in two]


def test_each_has_its_turn(two, noon):
    steps, (first, second) = Steps(), [job.reference for job in two]
    run(steps, noon)
    assert steps.done == [first, second, first, second]
    assert states(two) == ["DONE", "DONE"]


def test_one_that_breaks_says_so_and_holds_up_none(two, noon):
    run(Steps(broken=two[0].reference), noon)
    assert states(two) == ["FAILED", "DONE"]
    (error,) = Job.objects.get(pk=two[0].pk).errors
    assert error["code"] == "step_failed"


def test_control_without_the_net_the_second_waits_for_ever(two, noon, monkeypatch):
    monkeypatch.setattr(jobs, "_goes_on", lambda step, _kind, job, at: step(job=job, at=at))
    with pytest.raises(ZeroDivisionError):
        run(Steps(broken=two[0].reference), noon)
    assert states(two) == ["QUEUED", "QUEUED"]


def test_one_that_met_a_deadlock_goes_on_in_the_next_run(two, noon):
    run(Steps(broken=two[0].reference, error=OperationalError), noon)
    assert states(two) == ["QUEUED", "DONE"]
    run(Steps(), noon)
    assert states(two) == ["DONE", "DONE"]


def test_nothing_begins_after_its_time(two, noon):
    run(Steps(), noon, lasting=timedelta())
    assert states(two) == ["QUEUED", "QUEUED"]
