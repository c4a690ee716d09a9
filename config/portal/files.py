"""One's own files: long lists that a job writes, for who asked and still may see them."""

from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config import exported, jobs
from config.models import Job
from config.paging import newest_first
from config.people.access import SignedInRequest, actor_of
from config.portal import sheets
from config.portal.jobs import is_running, shown
from config.portal.own_sheets import FILES
from config.portal.writing import listed_for


@require_safe
def file_list(request: HttpRequest) -> HttpResponseBase:
    """List one's own files, newest first."""
    found = exported.of_person(user=cast("SignedInRequest", request).user)
    if sheets.wanted(request):
        return sheets.download(request, name="files", rows=found, sheet=FILES)
    page = newest_first(rows=found, request=request)
    context = {"page": page, "rows": [_told(job) for job in page.rows]}
    return render(request, "account/file_list.html", context)


@require_safe
def file(request: HttpRequest, job: str) -> HttpResponse:
    """Show how far a file is, and hand out the way to it."""
    return render(request, "account/file.html", _told(_mine(request, job)))


@require_safe
def file_state(request: HttpRequest, job: str) -> HttpResponse:
    """Return how far it is, to be put in its place; once it ended, all of the page is new."""
    context = _told(_mine(request, job))
    response = render(request, "account/file.html#progress", context)
    if not context["running"]:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def file_cancel(request: HttpRequest, job: str) -> HttpResponse:
    held = _mine(request, job)
    jobs.cancel(job=held, at=timezone.now(), actor=actor_of(request))
    messages.info(request, _("It stops with the part it has in hand, and is deleted."))
    return redirect("file", job=held.reference)


@require_safe
def file_content(request: HttpRequest, job: str) -> HttpResponseBase:
    """Hand out the file.

    :raises NoLongerAllowed: the list may not be seen any more
    """
    held = _mine(request, job)
    expires = exported.expires_at(job=held)
    if expires is None or timezone.now() >= expires:
        raise Http404
    listed_for(held)
    name = held.arguments["name"]
    return StreamingHttpResponse(
        exported.content(job=held),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _mine(request: HttpRequest, reference: str) -> Job:
    person = cast("SignedInRequest", request)
    return get_object_or_404(exported.of_person(user=person.user), reference=reference)


def _told(job: Job) -> dict[str, Any]:
    expires = exported.expires_at(job=job)
    rate = _("%(finished)s of %(total)s rows") % {
        "finished": f"{job.finished:,}",
        "total": f"{job.total:,}",
    }
    return {
        "held": job,
        "running": is_running(job),
        "expires": expires,
        "is_gone": expires is not None and timezone.now() >= expires,
        "job": shown(job, title=f"{job.arguments['name']}.csv", rate=rate),
    }
