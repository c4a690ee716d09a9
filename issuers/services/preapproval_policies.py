"""What a programme lets its holders have approved beforehand: read, and set by its issuer."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from config import audit
from config.audit import Actor
from config.refusals import Refused
from config.wire.schema import AMOUNT_MAX
from issuers.models import PreapprovalPolicy, Programme
from issuers.models.preapproval_policies import VALID_MAX_S
from issuers.rules.preapproving import KINDS, Terms, house_terms

COUNT_MAX: Final = 1_000


class PreapprovalTermsInvalid(Refused):
    code = "preapproval_terms_invalid"
    title = "These terms of pre-approvals contradict each other"


def terms_of(*, programme: Programme) -> Terms:
    """Return the terms in force: the programme's own, or those of the house."""
    row = PreapprovalPolicy.objects.filter(programme=programme).first()
    return house_terms(currency=programme.currency) if row is None else _terms(row)


def terms_of_all(*, programmes: Iterable[Programme]) -> dict[int, Terms]:
    """Return the terms in force by programme (its id), in one query."""
    named = list(programmes)
    rows = PreapprovalPolicy.objects.filter(programme__in=named)
    own = {row.programme_id: _terms(row) for row in rows}
    return {each.pk: own.get(each.pk) or house_terms(currency=each.currency) for each in named}


@transaction.atomic
def set_terms(
    *, programme: Programme, terms: Terms, reason: str = "", actor: Actor, at: datetime
) -> PreapprovalPolicy:
    """
    Let ``terms`` hold from now on; a number that is out already is judged by them when redeemed.

    :raises PreapprovalTermsInvalid: naming the first that is out of order
    """
    _check(terms)
    Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    before = terms_of(programme=programme)
    policy, _made = PreapprovalPolicy.objects.update_or_create(
        programme=programme, defaults=_fields(terms)
    )
    audit.record(
        actor=actor,
        action="programme.preapprovals",
        subject_kind="programme",
        subject=programme.reference,
        tenant=programme.issuer.reference,
        reason=reason,
        at=at,
        before=_told(before),
        after=_told(terms),
    )
    return policy


def _check(terms: Terms) -> None:
    rules = (
        (terms.kinds <= frozenset(KINDS), "There is no such kind."),
        (terms.valid_default_s >= 1, "A number is good for a second at least."),
        (terms.valid_default_s <= terms.valid_max_s, "The usual validity is above the longest."),
        (terms.valid_max_s <= VALID_MAX_S, "No number is good for more than a day."),
        (0 <= terms.outstanding_max <= COUNT_MAX, "So many cannot be outstanding."),
        (0 <= terms.daily_count_max <= COUNT_MAX, "So many cannot be approved in a day."),
        (0 <= terms.daily_sum_max_minor <= AMOUNT_MAX, "No sum of a day is that large."),
    )
    for holds, why in rules:
        if not holds:
            raise PreapprovalTermsInvalid(why)


def _terms(row: PreapprovalPolicy) -> Terms:
    kinds = frozenset(kind for kind in KINDS if getattr(row, f"{kind.lower()}_allowed"))
    same = (name for name in Terms.__dataclass_fields__ if name != "kinds")
    return Terms(kinds=kinds, **{name: getattr(row, name) for name in same})


def _fields(terms: Terms) -> dict[str, Any]:
    told = asdict(terms)
    kinds = told.pop("kinds")
    return told | {f"{kind.lower()}_allowed": kind in kinds for kind in KINDS}


def _told(terms: Terms) -> dict[str, Any]:
    return asdict(terms) | {"kinds": sorted(terms.kinds)}
