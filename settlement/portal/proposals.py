"""What one person says came out of a machine, as the desk types it and a second person sees it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from issuers.selectors.authors import authors_of
from settlement.models import Preapproval, Redemption, SuspenseProposal
from settlement.portal.forms import minor_of
from settlement.portal.words import Look, amount
from settlement.rules.redeeming import Report

SHOWN: Final = 10  # of one redemption, newest first; a desk that needs more has another problem
_Outcome, _State = SuspenseProposal.Outcome, SuspenseProposal.State
LOOKS: Final = {
    _State.PENDING: Look("warn", gettext_lazy("Waits for a second person")),
    _State.AGREED: Look("ok", gettext_lazy("Agreed")),
    _State.REFUSED: Look("bad", gettext_lazy("Refused")),
    _State.WITHDRAWN: Look("neutral", gettext_lazy("Withdrawn")),
    _State.OVERTAKEN: Look("neutral", gettext_lazy("The machine came first")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A proposal as the page draws it; ``by``, ``decided_by``: what people call them."""

    proposal: SuspenseProposal
    look: Look
    what: str
    by: str
    decided_by: str

    @property
    def waits(self) -> bool:
        return self.proposal.state == _State.PENDING


class ProposalForm(forms.Form):
    """What came out, as journal and count show it, and the evidence in words."""

    outcome = forms.ChoiceField(label=gettext_lazy("What came out"), widget=forms.RadioSelect)
    amount = forms.CharField(
        label=gettext_lazy("The part that came out"),
        max_length=24,
        required=False,
        help_text=gettext_lazy("Only where a part came out."),
    )
    item_serial = forms.CharField(
        label=gettext_lazy("Serial of the item"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Only where another item came out than the one set apart."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Evidence"),
        max_length=200,
        help_text=gettext_lazy("What journal and count show; it goes into the audit trail."),
    )

    def __init__(self, *args: Any, held: Redemption, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held = held
        cash = held.kind == Preapproval.Kind.CASH
        whole = amount(held.amount_minor, held.currency)
        outcome = self.fields["outcome"]
        assert isinstance(outcome, forms.ChoiceField)
        outcome.choices = [
            (_Outcome.FULL, _("All of it: post %(whole)s") % {"whole": whole}),
            *([(_Outcome.PARTIAL, _("A part: post it, release the rest"))] if cash else []),
            (_Outcome.NONE, _("Nothing: release the hold")),
        ]
        del self.fields["item_serial" if cash else "amount"]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if told.get("outcome") != _Outcome.PARTIAL:
            return told | {"amount": None}
        try:
            told["amount"] = minor_of(told.get("amount", ""), self.held.currency)
        except forms.ValidationError as wrong:
            self.add_error("amount", wrong)
        return told

    def report(self) -> Report:
        """Return it as the domain takes it."""
        told = self.cleaned_data
        return Report(told["outcome"], told["amount"], told.get("item_serial", ""))


def said_of(redemption: Redemption) -> list[Said]:
    """Return what was proposed of a redemption, newest first, in two queries."""
    return _told(redemption.proposals.order_by("-pk")[:SHOWN], redemption.currency)


def _told(rows: Iterable[SuspenseProposal], currency: str) -> list[Said]:
    found = list(rows)
    names = authors_of(names=[name for row in found for name in (row.proposed_by, row.decided_by)])
    return [
        Said(
            proposal=row,
            look=LOOKS[_State(row.state)],
            what=str(what_of(row, currency=currency)),
            by=names[row.proposed_by],
            decided_by=names.get(row.decided_by, ""),
        )
        for row in found
    ]


def what_of(proposal: SuspenseProposal, *, currency: str) -> str | Promise:
    """Return what a proposal would do, in words."""
    if proposal.outcome == _Outcome.NONE:
        return _("Nothing came out: release the hold")
    paid = {"paid": amount(proposal.dispensed_minor, currency)}
    if proposal.outcome == _Outcome.PARTIAL:
        return _("A part came out: post %(paid)s, release the rest") % paid
    return _("All of it came out: post %(paid)s") % paid
