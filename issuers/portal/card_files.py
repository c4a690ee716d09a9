"""Files of many cards: blocked from a file, or taken off the list once a second person agreed."""

from typing import cast

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config import exports, jobs
from config.models import Job
from config.paging import newest_first
from config.people import proofs
from config.people.access import SignedInRequest, actor_of, right_required
from config.portal import filters, sheets
from config.portal.forms import ProofForm
from config.portal.jobs import LOOKS, is_running, shown
from config.refusals import Refused
from config.roles import Right
from issuers.models import Card, Issuer, UnblockRequest
from issuers.portal import toasts, words
from issuers.portal.forms import show_refusal
from issuers.portal.places import issuer_for, offers
from issuers.portal.sheets import CARDS_ALONE, JOBS
from issuers.selectors.authors import authors_of
from issuers.services import card_files, imports, unblocking

_KINDS = (imports.KIND, unblocking.KIND)
_BLOCK, _UNBLOCK = "block", "unblock"


class FileForm(forms.Form):
    """A file, and what is to be done with the cards it names."""

    act = forms.ChoiceField(
        label=gettext_lazy("Do with these cards"),
        widget=forms.RadioSelect,
        choices=[
            (_BLOCK, gettext_lazy("Block them: columns card,reason")),
            (_UNBLOCK, gettext_lazy("Take them off the list: column card; a second person agrees")),
        ],
        initial=_BLOCK,
    )
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("UTF-8, its first line names the columns; 4 MiB at most."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why they come off the list"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Kept with each card's history."),
    )

    def clean(self) -> dict[str, object]:
        told: dict[str, object] = super().clean() or self.cleaned_data
        if told.get("act") == _UNBLOCK and not told.get("reason"):
            self.add_error("reason", _("Say why they come off the list."))
        return told


@right_required(Right.SEE_BLACKLIST)
@require_GET
def file_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    if sheets.wanted(request):
        return sheets.download(request, name="card-files", rows=_jobs(row), sheet=JOBS)
    page = newest_first(rows=_jobs(row), request=request)
    pending = row.unblock_requests.filter(state=UnblockRequest.State.PENDING).order_by("-id")
    asked = list(pending[:20])
    names = authors_of(
        names=[job.created_by for job in page.rows] + [each.requested_by for each in asked]
    )
    context = {
        "issuer": row,
        "page": page,
        "lines": [(job, _mark(job), names[job.created_by]) for job in page.rows],
        "asked": [(each, names[each.requested_by]) for each in asked],
        "unblock_kind": unblocking.KIND,
        "may_block": offers(request, Right.BLOCK_CARDS),
        "toast": toasts.told(request),
    }
    return render(request, "issuers/card_file_list.html", context)


@right_required(Right.BLOCK_CARDS)
@require_http_methods(["GET", "POST"])
def file_add(request: HttpRequest, issuer: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _take_in(request, row, form)
        except Refused as refusal:
            show_refusal(form, refusal)
    return render(request, "issuers/card_file_add.html", {"issuer": row, "form": form})


def _take_in(request: HttpRequest, issuer: Issuer, form: FileForm) -> HttpResponse:
    at, actor = timezone.now(), actor_of(request)
    # One byte more than may be: the domain then refuses it, whatever the browser said of its size.
    source = form.cleaned_data["file"].read(card_files.BYTES_MAX + 1)
    if form.cleaned_data["act"] == _BLOCK:
        job = imports.start(source=source, at=at, actor=actor, issuer=issuer)
        return redirect("card-job", issuer=issuer.reference, job=job.reference)
    asked = unblocking.request(
        issuer=issuer, source=source, reason=form.cleaned_data["reason"], at=at, actor=actor
    )
    toasts.tell(request, _("Asked for. It is done when a second person agrees."))
    return redirect("unblock-request", issuer=issuer.reference, asked=asked.reference)


@right_required(Right.SEE_BLACKLIST)
@require_GET
def job_page(request: HttpRequest, issuer: str, job: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    held = _job(row, job)
    context = _told_of(row, held) | {
        "by": authors_of(names=[held.created_by])[held.created_by],
        "errors": held.errors[:50],
        "may_cancel": offers(request, Right.BLOCK_CARDS),
        "toast": toasts.told(request),
    }
    return render(request, "issuers/card_job.html", context)


@right_required(Right.SEE_BLACKLIST)
@require_GET
def job_state(request: HttpRequest, issuer: str, job: str) -> HttpResponse:
    """Return how far the job is, to be put in its place; once it ended, all of the page is new."""
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    context = _told_of(row, _job(row, job))
    response = render(request, "issuers/card_job.html#progress", context)
    if not context["running"]:
        response["HX-Refresh"] = "true"
    return response


@right_required(Right.BLOCK_CARDS)
@require_POST
def job_cancel(request: HttpRequest, issuer: str, job: str) -> HttpResponse:
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    held = _job(row, job)
    jobs.cancel(job=held, at=timezone.now(), actor=actor_of(request))
    toasts.tell(request, _("It stops after the cards it has in hand. What is done stays done."))
    return redirect("card-job", issuer=row.reference, job=held.reference)


@right_required(Right.SEE_BLACKLIST)
@require_GET
def job_errors(request: HttpRequest, issuer: str, job: str) -> StreamingHttpResponse:
    """Hand out the error file: one line per row that was not done."""
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    held = _job(row, job)
    heads = ("row", "column", "code", "message")
    lines = [tuple(error[head] for head in heads) for error in held.errors]
    return exports.download(name=f"{held.reference}-errors", rows=[heads, *lines])


@right_required(Right.SEE_BLACKLIST)
@require_GET
def unblock_request(request: HttpRequest, issuer: str, asked: str) -> HttpResponseBase:
    row = issuer_for(request, issuer, Right.SEE_BLACKLIST)
    held = _asked(row, asked)
    if sheets.wanted(request):
        return sheets.download(
            request, name=held.reference, rows=_cards_of(held), sheet=CARDS_ALONE
        )
    return render(request, "issuers/unblock_request.html", _of_request(request, row, held))


@right_required(Right.BLOCK_CARDS)
@require_POST
def unblock_agree(request: HttpRequest, issuer: str, asked: str) -> HttpResponse:
    """Agree to it, under a second factor shown now."""
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    held, person = _asked(row, asked), cast("SignedInRequest", request).user
    form = ProofForm(request.POST, asked=proofs.needs_proof(user=person))
    if form.is_valid():
        try:
            job = unblocking.agree(
                asked=held,
                list_hash=request.POST.get("list_hash", ""),
                person=person,
                code=form.cleaned_data.get("proof", ""),
                at=timezone.now(),
                actor=actor_of(request),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            return redirect("card-job", issuer=row.reference, job=job.reference)
    context = _of_request(request, row, held) | {"form": form}
    return render(request, "issuers/unblock_request.html", context, status=422)


@right_required(Right.BLOCK_CARDS)
@require_POST
def unblock_refuse(request: HttpRequest, issuer: str, asked: str) -> HttpResponse:
    """Refuse it; who asked for it withdraws it that way."""
    row = issuer_for(request, issuer, Right.BLOCK_CARDS)
    held = _asked(row, asked)
    reason = filters.said(request, "reason")
    unblocking.refuse(asked=held, reason=reason, at=timezone.now(), actor=actor_of(request))
    toasts.tell(request, _("Nothing was taken off the list."))
    return redirect("card-file-list", issuer=row.reference)


def _of_request(request: HttpRequest, issuer: Issuer, asked: UnblockRequest) -> dict[str, object]:
    person = cast("SignedInRequest", request).user
    names = authors_of(names=[asked.requested_by, asked.decided_by])
    pending = asked.state == UnblockRequest.State.PENDING
    return {
        "issuer": issuer,
        "asked": asked,
        "list_hash": bytes(asked.list_hash).hex(),
        "by": names[asked.requested_by],
        "decided_by": names.get(asked.decided_by, ""),
        "mark": _request_mark(asked),
        "page": (page := newest_first(rows=_cards_of(asked), request=request)),
        "lines": [(card, words.of_card(card)) for card in page.rows],
        "count": len(asked.cards),
        "own": asked.requested_by == str(person.pk),
        "may_decide": pending and offers(request, Right.BLOCK_CARDS),
        "form": ProofForm(asked=proofs.needs_proof(user=person)),
        "toast": toasts.told(request),
    }


def _cards_of(asked: UnblockRequest) -> QuerySet[Card]:
    return Card.objects.filter(pk__in=asked.cards).select_related("programme")


def _told_of(issuer: Issuer, job: Job) -> dict[str, object]:
    done = job.finished - job.failed
    rate = _("%(finished)s of %(total)s rows, %(done)s cards done") % {
        "finished": f"{job.finished:,}",
        "total": f"{job.total:,}",
        "done": f"{done:,}",
    }
    left = _("%(count)s not done") % {"count": f"{job.failed:,}"} if job.failed else ""
    return {
        "issuer": issuer,
        "held": job,
        "running": is_running(job),
        "job": shown(job, title=_title(job), rate=rate, left=left),
    }


def _title(job: Job) -> str:
    return _("Take cards off the list") if job.kind == unblocking.KIND else _("Block cards")


def _mark(job: Job) -> words.Mark:
    tone, label = LOOKS[Job.State(job.state)]
    return words.Mark(tone, str(label))


def _request_mark(asked: UnblockRequest) -> words.Mark:
    state = UnblockRequest.State
    return {
        state.PENDING.value: words.Mark("warn", _("Waits for a second person")),
        state.AGREED.value: words.Mark("ok", _("Agreed")),
        state.REFUSED.value: words.Mark("bad", _("Refused")),
        state.WITHDRAWN.value: words.Mark("neutral", _("Withdrawn")),
    }[asked.state]


def _jobs(issuer: Issuer) -> QuerySet[Job]:
    return Job.objects.filter(kind__in=_KINDS, tenant=issuer.reference).defer("source", "errors")


def _job(issuer: Issuer, reference: str) -> Job:
    rows = Job.objects.filter(kind__in=_KINDS, tenant=issuer.reference).defer("source")
    return get_object_or_404(rows, reference=reference)


def _asked(issuer: Issuer, reference: str) -> UnblockRequest:
    rows = issuer.unblock_requests.select_related("issuer", "job")
    return get_object_or_404(rows, reference=reference)
