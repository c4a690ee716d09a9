"""A long list written as a file: its page is asked anew for each part, as who asked for it.

So filters and rights are the page's own, and whoever loses the right gets no further.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, QueryDict
from django.urls import Resolver404, resolve

from config import exported, exports, jobs
from config.exports import Cell
from config.models import Job, User
from config.people.access import SignedInRequest, memberships_of
from config.portal.sheets import FOR_JOB, ROWS_MAX, Listed, SheetResponse
from config.refusals import Refused

PART_ROWS: Final = 10_000  # a few hundred kilobytes, and a second or less


class NoLongerAllowed(Refused):
    code = "no_longer_allowed"
    status = 403
    title = "Who asked for this list may not see it any more"


@transaction.atomic
def write_part(*, job: str, at: datetime) -> bool:
    """Write the next part of ``job`` (its reference); return whether there is more to do.

    A part and the job's progress commit together. A job another worker has in hand is left to it;
    one whose asker may not see the list any more ends as FAILED.
    """
    held = jobs.take(job=job, kind=exported.KIND, at=at)
    if held is None:
        return False
    try:
        listed = listed_for(held)
    except NoLongerAllowed as refusal:
        jobs.fail(job=held, code=refusal.code, message=refusal.detail, at=at)
        return False
    if "last" not in held.arguments:
        held.total = listed.count(most=ROWS_MAX)
    more = _write(held, listed)
    if not more:
        held.transition(Job.State.DONE, ended_at=at)
    return more


def _write(job: Job, listed: Listed[Any]) -> bool:
    """Add a part; return whether rows are left for another."""
    below = job.arguments.get("last")
    rows = 0
    cells: list[Sequence[Cell]] = [] if below is not None else [listed.heads]
    chunk = listed.chunk(below=below)
    while chunk and rows < PART_ROWS:
        cells += listed.sheet.lines(chunk)
        rows, below = rows + len(chunk), chunk[-1].pk
        chunk = listed.chunk(below=below)
    if chunk and job.finished + rows >= ROWS_MAX:
        cells.append(listed.cut)
        chunk = []
    text = "".join(exports.lines(cells))
    if job.finished:
        text = text.removeprefix(exports.BOM)
    exported.add_part(job=job, lines=text, rows=rows, last=below or 0)
    return bool(chunk)


def listed_for(job: Job) -> Listed[Any]:
    """Return the list a job writes, as its page hands it out now to who asked for it.

    :raises NoLongerAllowed: the role ended, or its right, or what the list is of is not theirs
    """
    request = _request(job)
    try:
        found = resolve(request.path)
        answer = found.func(request, *found.args, **found.kwargs)
    except (Refused, Http404, Resolver404, PermissionDenied) as no:
        raise NoLongerAllowed from no
    if not isinstance(answer, SheetResponse):
        raise NoLongerAllowed
    return answer.listed


def _request(job: Job) -> HttpRequest:
    """Return the request by which the person asked, under the same membership.

    :raises NoLongerAllowed: one of those the person had then has ended
    """
    user = User.objects.get(pk=int(job.created_by))
    live = {each.pk: each for each in memberships_of(user=user)}
    if not live.keys() >= set(job.arguments["memberships"]):
        raise NoLongerAllowed
    address = urlsplit(job.arguments["address"])
    request = HttpRequest()
    request.method, request.path = "GET", address.path
    request.path_info = address.path
    request.GET = QueryDict(address.query)
    person = cast("SignedInRequest", request)
    person.user, person.time_zone = user, user.time_zone
    person.memberships = list(live.values())
    person.membership = live[job.arguments["membership"]]
    setattr(request, FOR_JOB, True)
    return request
