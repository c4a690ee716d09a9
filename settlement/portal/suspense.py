"""Suspense: machines that did not say what they paid out, and the desk that decides it in pairs."""

from dataclasses import dataclass
from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.people import proofs
from config.people.access import SignedInRequest, actor_of, may, right_required
from config.portal import filters, sheets
from config.portal.forms import ProofForm
from config.refusals import NotFound, Refused
from config.roles import Right
from config.templatetags.figures import span
from issuers.models import Issuer
from settlement.models import Preapproval, Redemption, SuspenseProposal
from settlement.portal import endings, proposals
from settlement.portal import preapproval_words as words
from settlement.portal.forms import show_refusal
from settlement.portal.machine_sheets import SUSPENSE
from settlement.portal.places import issuer_for
from settlement.portal.proposals import ProposalForm
from settlement.portal.words import Look, amount
from settlement.selectors.preapprovals import events_of, redemptions_visible_to, tries_of
from settlement.selectors.trace_repeats import of_ahead
from settlement.services import redemptions

VIEWS: Final = {
    "open": gettext_lazy("Open"),
    "proposed": gettext_lazy("Second person"),
    "resolved": gettext_lazy("Resolved"),
    "all": gettext_lazy("All"),
}
_OPEN: Final = Q(state=Redemption.State.SUSPENSE)
_RESOLVED: Final = ~Q(resolved_by="")
_PENDING: Final = SuspenseProposal.objects.filter(
    redemption=OuterRef("pk"), state=SuspenseProposal.State.PENDING
)
_WHICH: Final = {
    "open": _OPEN,
    "proposed": _OPEN & Q(Exists(_PENDING)),
    "resolved": _RESOLVED,
    "all": _OPEN | _RESOLVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A redemption as the queue draws it; ``age``: how long it has waited, or waited.

    ``proposed``: whether what somebody says of it waits for a second person.
    """

    redemption: Redemption
    kind: str | Promise
    look: Look
    age: str
    proposed: bool


@right_required(Right.SEE_BATCHES)
@require_safe
def suspense_list(request: HttpRequest, issuer: str) -> HttpResponseBase:
    """List what waits to be decided, newest first, and what was."""
    row = issuer_for(request, issuer, Right.SEE_BATCHES)
    view = filters.view_of(request, VIEWS)
    rows = _of(request, row, Right.SEE_BATCHES).annotate(proposed=Exists(_PENDING))
    if sheets.wanted(request):
        found = rows.filter(_WHICH[view])
        return sheets.download(request, name="suspense", rows=found, sheet=SUSPENSE)
    counts = {name: rows.filter(which).count() for name, which in _WHICH.items()}
    context = endings.queue(request, found=rows.filter(_WHICH[view]), labels=VIEWS, counts=counts)
    membership = cast("SignedInRequest", request).membership
    context |= {
        "issuer": row,
        "rows": [_row(each, proposed=each.proposed) for each in context["page"].rows],
        "may_look": may(membership=membership, right=Right.SEE_CARDS),
    }
    return render(request, "settlement/suspense_list.html", context)


@right_required(Right.RESOLVE_EXCEPTIONS)
@require_http_methods(["GET", "POST"])
def suspense_resolve(request: HttpRequest, issuer: str, reference: str) -> HttpResponse:
    """Show what is known of a redemption, and take what somebody says came out."""
    row, held = _held(request, issuer, reference)
    form = ProposalForm(request.POST if request.method == "POST" else None, held=held)
    if request.method == "POST" and form.is_valid():
        try:
            redemptions.propose(
                reference=held.reference,
                report=form.report(),
                evidence=form.cleaned_data["reason"],
                actor=actor_of(request),
                at=timezone.now(),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Proposed. It counts when a second person agrees."))
            return redirect("suspense-list", issuer=row.reference)
    return _page(request, row, held, form=form)


@right_required(Right.RESOLVE_EXCEPTIONS)
@require_POST
def suspense_agree(
    request: HttpRequest, issuer: str, reference: str, proposal: str
) -> HttpResponse:
    """Agree to exactly that proposal, under a second factor shown now."""
    row, held = _held(request, issuer, reference)
    person = cast("SignedInRequest", request).user
    form = ProofForm(request.POST, asked=proofs.needs_proof(user=person))
    if form.is_valid():
        try:
            done = redemptions.agree_proved(
                reference=_proposed(held, proposal),
                person=person,
                code=form.cleaned_data.get("proof", ""),
                actor=actor_of(request),
                at=timezone.now(),
            )
        except Refused as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _told(done))
            return redirect("suspense-list", issuer=row.reference)
    return _page(request, row, held, proof=form)


@right_required(Right.RESOLVE_EXCEPTIONS)
@require_POST
def suspense_refuse(
    request: HttpRequest, issuer: str, reference: str, proposal: str
) -> HttpResponse:
    """Refuse a proposal; who made it withdraws it that way."""
    row, held = _held(request, issuer, reference)
    redemptions.refuse(
        reference=_proposed(held, proposal),
        reason=filters.said(request, "reason"),
        actor=actor_of(request),
        at=timezone.now(),
    )
    messages.success(request, _("Nothing is posted; the amount stays held."))
    return redirect("suspense-resolve", issuer=row.reference, reference=held.reference)


def _held(request: HttpRequest, issuer: str, reference: str) -> tuple[Issuer, Redemption]:
    row = issuer_for(request, issuer, Right.RESOLVE_EXCEPTIONS)
    rows = _of(request, row, Right.RESOLVE_EXCEPTIONS)
    return row, get_object_or_404(rows, reference=reference)


def _proposed(held: Redemption, reference: str) -> str:
    """Return the reference of a proposal if it is of this redemption.

    :raises NotFound: it is not
    """
    if not held.proposals.filter(reference=reference).exists():
        raise NotFound
    return reference


def _page(
    request: HttpRequest,
    issuer: Issuer,
    held: Redemption,
    *,
    form: forms.Form | None = None,
    proof: forms.Form | None = None,
) -> HttpResponse:
    person = cast("SignedInRequest", request).user
    said = proposals.said_of(held)
    waits = next((each for each in said if each.waits), None)
    context: dict[str, Any] = {
        "issuer": issuer,
        "row": _row(held, proposed=waits is not None),
        "held": held,
        "said": [each for each in said if not each.waits],
        "waits": waits,
        "own": waits is not None and waits.proposal.proposed_by == str(person.pk),
        "form": form or ProposalForm(held=held),
        "proof": proof or ProofForm(asked=proofs.needs_proof(user=person)),
        "lines": words.story(
            events=events_of(held.preapproval),
            tries=tries_of(held.preapproval),
            repeated=of_ahead(preapproval=held.preapproval, redemptions=[held]),
        ),
    }
    status = 422 if proof is not None else 200
    return render(request, "settlement/suspense_resolve.html", context, status=status)


def _of(request: HttpRequest, issuer: Issuer, right: Right) -> QuerySet[Redemption]:
    person = cast("SignedInRequest", request)
    rows = redemptions_visible_to(person.user, right)
    return rows.filter(preapproval__card__issuer=issuer)


def _row(redemption: Redemption, *, proposed: bool) -> Row:
    since = redemption.suspended_at or redemption.begun_at
    until = redemption.ended_at or timezone.now()
    return Row(
        redemption=redemption,
        kind=words.KINDS[Preapproval.Kind(redemption.kind)],
        look=words.redemption_look(redemption),
        age=span((until - since).total_seconds()),
        proposed=proposed,
    )


def _told(done: Redemption) -> str:
    if done.state == Redemption.State.REVERSED:
        return _("Nothing came out: the hold is released.")
    paid = amount(done.dispensed_minor, done.currency)
    return _("%(paid)s is posted, the rest released.") % {"paid": paid}
