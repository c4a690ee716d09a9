"""Suspense is ended by two people: one says what came out, another one agrees (decision 74)."""

from datetime import datetime

from django.db import transaction

from config import audit, references
from config.audit import Actor
from config.models import User
from config.people import proofs, second_person
from config.people.second_person import SamePerson
from config.refusals import NotFound
from config.roles import TenantKind
from settlement.models import Redemption, SuspenseProposal
from settlement.rules.redeeming import Report
from settlement.services.redemptions.completing import settle
from settlement.services.redemptions.finding import locked_named
from settlement.services.redemptions.refusals import (
    DispensedInvalid,
    NotInSuspense,
    ProposalWaits,
    WordsMissing,
)

_State = SuspenseProposal.State


@transaction.atomic
def propose(
    *, reference: str, report: Report, evidence: str, actor: Actor, at: datetime
) -> SuspenseProposal:
    """
    Say what came out of the machine of redemption ``reference``; nothing moves until another
    person agrees. The caller has looked at rights.

    ``report``: FULL, PARTIAL or NONE. A late report of the machine may still come first.

    :raises NotFound: there is none
    :raises WordsMissing: ``evidence`` says nothing
    :raises NotInSuspense: it has ended, or the machine is still at it
    :raises ProposalWaits: what somebody else says waits for a second person
    :raises DispensedInvalid: outcome and amount contradict each other, or it stays UNKNOWN
    """
    words = evidence.strip()
    if not words:
        raise WordsMissing
    redemption = locked_named(reference=reference)
    if redemption.state != Redemption.State.SUSPENSE:
        raise NotInSuspense
    if redemption.proposals.filter(state=_State.PENDING).exists():
        raise ProposalWaits
    paid_minor = report.paid_minor(kind=redemption.kind, amount_minor=redemption.amount_minor)
    if paid_minor is None or report.outcome == Redemption.Outcome.UNKNOWN:
        raise DispensedInvalid
    made = SuspenseProposal.objects.create(
        reference=references.new("SPR"),
        redemption=redemption,
        outcome=report.outcome,
        dispensed_minor=paid_minor,
        item_serial=report.item_serial,
        evidence=words,
        proposed_by=actor.name,
        proposed_at=at,
    )
    _record(made, "redemption.propose", words, actor, at)
    return made


def agree_proved(
    *, reference: str, person: User, code: str, actor: Actor, at: datetime
) -> Redemption:
    """Agree to proposal ``reference`` as ``person``, under a second factor shown now.

    ``code`` is taken outside the transaction, for a wrong one counts whatever becomes of the rest.

    :raises NotIndependent: one of the two invited the other, or the same person both, at any remove
    :raises WrongCode: the second factor is not right
    :raises TooManyTries: after wrong codes
    :raises: what :func:`agree` raises
    """
    asked = _named(reference)
    second_person.require(
        maker=asked.proposed_by,
        person=person,
        kind=TenantKind.ISSUER,
        tenant=asked.redemption.preapproval.card.issuer.reference,
        with_platform=True,
    )
    proofs.prove(user=person, code=code, actor=actor, at=at)
    return agree(reference=reference, actor=actor, at=at)


@transaction.atomic
def agree(*, reference: str, actor: Actor, at: datetime) -> Redemption:
    """
    End the redemption as proposal ``reference`` says, and return it.

    :raises NotFound: there is no such proposal
    :raises SamePerson: who made it cannot agree to it
    :raises NotInSuspense: the machine's report came first
    :raises InvalidTransition: it was decided on before
    :raises ItemUnknown, ItemSold: the machine cannot have handed out that item
    """
    redemption, held = _locked(reference)
    if _is_maker(held, actor):
        raise SamePerson
    if held.state == _State.OVERTAKEN:
        raise NotInSuspense
    held.transition(_State.AGREED, decided_by=actor.name, decided_at=at)
    partial = held.outcome == SuspenseProposal.Outcome.PARTIAL
    ended = settle(
        redemption,
        report=Report(
            outcome=held.outcome,
            dispensed_minor=held.dispensed_minor if partial else None,
            item_serial=held.item_serial,
            journal=redemption.journal,
        ),
        dispensed_minor=held.dispensed_minor,
        at=at,
        resolved_by=f"{actor.kind} {actor.name}"[:64],
        resolution=held.evidence,
    )
    _record(held, "redemption.resolve", held.evidence, actor, at)
    return ended


@transaction.atomic
def refuse(*, reference: str, reason: str, actor: Actor, at: datetime) -> SuspenseProposal:
    """Refuse proposal ``reference``, and leave the redemption in suspense; who made it withdraws it
    that way.

    :raises NotFound: there is no such proposal
    :raises WordsMissing: another person's is refused without a word
    :raises InvalidTransition: it was decided on before
    """
    _redemption, held = _locked(reference)
    own, words = _is_maker(held, actor), reason.strip()[:200]
    if not own and not words:
        raise WordsMissing
    to = _State.WITHDRAWN if own else _State.REFUSED
    held.transition(to, decided_by=actor.name, decided_at=at, why_not=words)
    action = "redemption.withdraw_proposal" if own else "redemption.refuse_proposal"
    _record(held, action, words, actor, at)
    return held


def _is_maker(held: SuspenseProposal, actor: Actor) -> bool:
    return held.proposed_by == actor.name


def _named(reference: str) -> SuspenseProposal:
    rows = SuspenseProposal.objects.select_related("redemption__preapproval__card__issuer")
    found = rows.filter(reference=reference).first()
    if found is None:
        raise NotFound
    return found


def _locked(reference: str) -> tuple[Redemption, SuspenseProposal]:
    """Return a proposal, read under the lock of its redemption."""
    redemption = locked_named(reference=_named(reference).redemption.reference)
    held = _named(reference)
    held.redemption = redemption
    return redemption, held


def _record(held: SuspenseProposal, action: str, words: str, actor: Actor, at: datetime) -> None:
    redemption = held.redemption
    audit.record(
        actor=actor,
        action=action,
        subject_kind="redemption",
        subject=redemption.reference,
        tenant=redemption.preapproval.card.issuer.reference,
        reason=words,
        at=at,
        before={"state": Redemption.State.SUSPENSE},
        after={
            "proposal": held.reference,
            "outcome": held.outcome,
            "dispensed_minor": held.dispensed_minor,
        },
    )
