"""Work of more than two seconds, in steps: a step and the job's progress commit together.

So a worker that dies loses nothing and does nothing twice: the next one goes on behind the last
finished step.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from django.db import transaction

from config import audit, references, sweeps
from config.audit import Actor
from config.models import Job

ERRORS_MAX: Final = 1000  # what the error file keeps; `failed` counts all
UNFINISHED: Final = (Job.State.QUEUED, Job.State.RUNNING)
STEP_FAILED: Final = "step_failed"


class Step(Protocol):
    """Does the next step of a job, by its reference, and says whether there is more to do."""

    def __call__(self, *, job: str, at: datetime) -> bool: ...


def queue(
    *,
    kind: str,
    tenant: str,
    total: int,
    arguments: Mapping[str, Any],
    actor: Actor,
    at: datetime,
    source: bytes | None = None,
) -> Job:
    """Add a job of ``total`` steps; ``arguments``: what its worker needs, beside who asked."""
    return Job.objects.create(
        reference=references.new("JOB"),
        kind=kind,
        tenant=tenant,
        total=total,
        arguments={"actor_kind": actor.kind, "actor": actor.name, **arguments},
        source=source,
        created_by=actor.name,
        created_at=at,
    )


def actor_of(*, job: Job) -> Actor:
    """Return who asked for a job."""
    return Actor(kind=job.arguments["actor_kind"], name=job.arguments["actor"])


def waiting(*, kind: str) -> list[str]:
    """Return the references of jobs of ``kind`` that are not finished, oldest first."""
    unfinished = Job.objects.filter(kind=kind, state__in=UNFINISHED)
    return list(unfinished.order_by("pk").values_list("reference", flat=True))


def run_in_turn(
    *, steps: Mapping[str, Step], clock: Callable[[], datetime], until: datetime
) -> None:
    """
    Go on with all unfinished jobs of the kinds named until that time, a step of each in turn.

    A job whose step breaks ends as FAILED (``step_failed``) with its steps done standing, and holds
    up none of the others; one that met a deadlock goes on in the next run.

    :raises OperationalError, InterfaceError: the database is away
    """
    left = [(step, kind, job) for kind, step in steps.items() for job in waiting(kind=kind)]
    while left and clock() < until:
        left = [
            (step, kind, job)
            for step, kind, job in left
            if clock() < until and _goes_on(step, kind, job, clock())
        ]


def _goes_on(step: Step, kind: str, job: str, at: datetime) -> bool:
    more = sweeps.attempt(
        lambda: step(job=job, at=at),
        called=f"job {job}",
        broken=lambda: _break_off(job, kind, at),
    )
    return more is True


@transaction.atomic
def _break_off(job: str, kind: str, at: datetime) -> None:
    held = take(job=job, kind=kind, at=at)
    if held is not None:
        fail(job=held, code=STEP_FAILED, message="A step failed; those before it stand.", at=at)


def take(*, job: str, kind: str, at: datetime) -> Job | None:
    """Return the job (its reference) locked and running; None where there is nothing to do.

    It is in another worker's hands, at an end, or was to stop: then it ends here as CANCELLED.
    """
    held = (
        Job.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(reference=job, kind=kind, state__in=UNFINISHED)
        .first()
    )
    if held is None:
        return None
    if held.cancel_asked:
        held.transition(Job.State.CANCELLED, ended_at=at)
        return None
    if held.state == Job.State.QUEUED:
        held.transition(Job.State.RUNNING)
    return held


def note_progress(*, job: Job, done: int, errors: Sequence[dict[str, Any]], at: datetime) -> bool:
    """Add ``done`` steps to a job's progress and end it with its last; return whether more wait."""
    job.finished += done
    job.failed += len(errors)
    job.errors = [*job.errors, *errors][:ERRORS_MAX]
    job.save(update_fields=["finished", "failed", "errors"])
    if job.finished < job.total:
        return True
    job.transition(Job.State.DONE_WITH_ERRORS if job.failed else Job.State.DONE, ended_at=at)
    return False


def fail(*, job: Job, code: str, message: str, at: datetime) -> None:
    """End a job that cannot go on, with the refusal that stopped it."""
    job.failed += 1
    job.errors = [*job.errors, {"code": code, "message": message}][:ERRORS_MAX]
    job.save(update_fields=["failed", "errors"])
    job.transition(Job.State.FAILED, ended_at=at)


@transaction.atomic
def cancel(*, job: Job, at: datetime, actor: Actor) -> None:
    """Ask the job to stop, once; steps done stay done."""
    running = Job.objects.filter(pk=job.pk, state__in=UNFINISHED, cancel_asked=False)
    if running.update(cancel_asked=True):
        audit.record(
            actor=actor,
            action="job.cancel",
            subject_kind="job",
            subject=job.reference,
            tenant=job.tenant,
            at=at,
        )
