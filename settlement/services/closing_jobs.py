"""A business day closed at the desk: refused while something stands against it, done as a job."""

from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from config import jobs
from config.audit import Actor
from config.models import Job
from config.refusals import Refused
from config.sweeps import Sweep
from merchants.models import Merchant
from settlement.models import DayClose
from settlement.selectors import standing
from settlement.selectors.closing import differences
from settlement.services import closing, days, payouts

KIND: Final = "day_close"


class DayNotReady(Refused):
    """``against``: the codes of :class:`settlement.selectors.standing.Standing`."""

    code = "day_not_ready"
    status = 409
    title = "Something stands against closing this day"


class DayClosed(Refused):
    code = "day_closed"
    status = 409
    title = "This day is closed already"


@transaction.atomic
def start(*, merchant: Merchant, day: date, actor: Actor, at: datetime) -> Job:
    """
    Queue the closing of ``day``; the same again, while it runs, returns the same job.

    :raises DayAhead: ``day`` has not begun where the merchant is
    :raises DayClosed: it was closed before
    :raises DayNotReady: batches wait, redemptions are in suspense, or the sides differ
    """
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    running = of_day(merchant=merchant, day=day).filter(state__in=jobs.UNFINISHED).first()
    if running is not None:
        return running
    closing.refuse_ahead(merchant=merchant, day=day, at=at)
    if DayClose.objects.filter(merchant=merchant, business_date=day).exists():
        raise DayClosed
    _refuse_unready(merchant, day)
    return jobs.queue(
        kind=KIND,
        tenant=merchant.reference,
        total=len(_STEPS),
        arguments={"day": day.isoformat()},
        actor=actor,
        at=at,
    )


def of_day(*, merchant: Merchant, day: date) -> QuerySet[Job]:
    """Return the jobs that closed, or were to close, the merchant's ``day``, newest first."""
    rows = Job.objects.filter(kind=KIND, tenant=merchant.reference)
    return rows.filter(arguments__day=day.isoformat()).order_by("-pk")


@transaction.atomic
def run_step(*, job: str, at: datetime) -> bool:
    """Do the next step of ``job`` (its reference); return whether there is more to do.

    A step and the job's progress commit together. A job another worker has in hand is left to it;
    one whose day is no longer ready ends as FAILED, and nothing was closed.
    """
    held = jobs.take(job=job, kind=KIND, at=at)
    if held is None:
        return False
    try:
        errors = _STEPS[held.finished](held, at)
    except (DayNotReady, closing.DayAhead) as refusal:
        jobs.fail(job=held, code=refusal.code, message=refusal.detail, at=at)
        return False
    return jobs.note_progress(job=held, done=1, errors=errors, at=at)


def go_on(*, at: datetime, limit: int) -> int:
    """Do the next step of up to ``limit`` days that are being closed; return at how many there may
    be more to do. One that cannot go on holds up none of the others."""
    waiting = Job.objects.filter(~SWEEP.stuck("reference"), kind=KIND, state__in=jobs.UNFINISHED)
    names = list(waiting.order_by("pk").values_list("reference", flat=True)[:limit])
    return SWEEP.run(names=names, at=at)


type _Errors = list[dict[str, object]]


def _clear(job: Job, at: datetime) -> _Errors:
    merchant, day = _named(job)
    closing.clear(
        merchant=merchant,
        day=day,
        actor=jobs.actor_of(job=job),
        at=at,
        look=lambda: _refuse_unready(merchant, day),
    )
    return []


def _add_up(job: Job, _at: datetime) -> _Errors:
    merchant, day = _named(job)
    days.settle(merchant=merchant, day=day)
    return []


def _draw_up(job: Job, at: datetime) -> _Errors:
    merchant, day = _named(job)
    payouts.draw_up(merchant=merchant, day=day, at=at, actor=jobs.actor_of(job=job))
    return []


def _hold_together(job: Job, _at: datetime) -> _Errors:
    merchant, day = _named(job)
    return [
        {"code": each.cause, "message": f"{each.channel} {each.payment}".strip()}
        for each in differences(merchant=merchant, day=day)
    ]


_STEPS: Final = (_clear, _add_up, _draw_up, _hold_together)


def _named(job: Job) -> tuple[Merchant, date]:
    merchant = Merchant.objects.get(reference=job.tenant)
    return merchant, date.fromisoformat(job.arguments["day"])


def _refuse_unready(merchant: Merchant, day: date) -> None:
    found = standing.against(merchant=merchant, day=day)
    if found:
        told = ", ".join(f"{each.code} {each.number}" for each in found)
        raise DayNotReady(told, against=[each.code.value for each in found])


def _tenant(reference: str) -> str:
    return Job.objects.values_list("tenant", flat=True).get(reference=reference)


SWEEP: Final = Sweep(
    kind="day_not_closed",
    told="The closing of a business day, job {name}, fails at a step.",
    end=lambda name, at: run_step(job=name, at=at),
    tenant=_tenant,
)
