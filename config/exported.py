"""Long lists as files: written by a job in parts, handed to who asked, and gone after a day."""

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from config import audit, jobs
from config.audit import Actor
from config.models import FilePart, Job, Membership, User
from config.people.access import memberships_of
from config.refusals import Refused

KIND: Final = "list_file"
KEPT_FOR: Final = timedelta(hours=24)
AT_ONCE: Final = 3  # of one person


class TooManyFiles(Refused):
    code = "too_many_files"
    status = 429
    title = "Three of your files are being written: wait for one, or stop it"


@transaction.atomic
def ask(*, name: str, address: str, membership: Membership, actor: Actor, at: datetime) -> Job:
    """
    Queue the list at ``address`` (path and query of its page) as the file ``name``.csv.

    The same again, while it is written, returns the same job. ``membership``: as whom it is asked
    for. All memberships the person has now must live on until the file is handed out: any of them
    may be why a row is in it.

    :raises TooManyFiles: three of the person's are being written
    """
    User.objects.select_for_update(no_key=True).get(pk=membership.user_id)
    running = of_person(user=membership.user).filter(state__in=jobs.UNFINISHED)
    same = running.filter(arguments__address=address, arguments__membership=membership.pk).first()
    if same is not None:
        return same
    if running.count() >= AT_ONCE:
        raise TooManyFiles
    live = [each.pk for each in memberships_of(user=membership.user)]
    told = {"name": name, "address": address, "membership": membership.pk, "memberships": live}
    job = jobs.queue(
        kind=KIND, tenant=membership.tenant, total=0, arguments=told, actor=actor, at=at
    )
    audit.record(
        actor=actor,
        action="file.ask",
        subject_kind="job",
        subject=job.reference,
        tenant=job.tenant,
        at=at,
        after={"name": name, "path": address.partition("?")[0]},
    )
    return job


def of_person(*, user: User) -> QuerySet[Job]:
    """Return the files that ``user`` asked for, newest first."""
    return Job.objects.filter(kind=KIND, created_by=str(user.pk)).order_by("-pk")


def add_part(*, job: Job, lines: str, rows: int, last: int) -> None:
    """Add lines to the file of a job that is held; ``last``: the key they end with."""
    FilePart.objects.create(
        job=job, number=job.parts.count(), body=zlib.compress(lines.encode(), level=6)
    )
    job.finished += rows
    job.total = max(job.total, job.finished)
    job.arguments["last"] = last
    job.save(update_fields=["finished", "total", "arguments"])


def content(*, job: Job) -> Iterator[bytes]:
    """Yield the file, a part at a time: nothing is held open while a slow line takes it."""
    number = 0
    while part := FilePart.objects.filter(job=job, number=number).first():
        yield zlib.decompress(part.body)
        number += 1


def expires_at(*, job: Job) -> datetime | None:
    """Return when a written file is gone, None where it is not written."""
    if job.state != Job.State.DONE or job.ended_at is None:
        return None
    return job.ended_at + KEPT_FOR


def forget_old(*, at: datetime, limit: int) -> int:
    """Delete up to ``limit`` parts of files that expired, or were stopped; return how many."""
    gone = Q(job__state=Job.State.DONE, job__ended_at__lte=at - KEPT_FOR)
    gone |= Q(job__state__in=[Job.State.CANCELLED, Job.State.FAILED])
    parts = FilePart.objects.filter(gone, job__kind=KIND).values_list("pk", flat=True)[:limit]
    return FilePart.objects.filter(pk__in=list(parts)).delete()[0]
