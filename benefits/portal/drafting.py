"""The form of a draft as it stands: as its row is, as it was sent, or as it was typed so far."""

from collections.abc import Mapping
from typing import Any, Final

from django.forms import MultipleChoiceField
from django.http import HttpRequest

from benefits.models import Definition
from benefits.portal.choices import CHOSEN_FROM, Asked, choices_for
from benefits.portal.forms import BLANK, CampaignForm, initial_of
from benefits.selectors.campaigns import Owner
from config.people.access import require
from config.roles import Right, TenantKind

LOOKS_FOR: Final = "look"  # the button beside a list that is longer than what is shown of it
FIND_MAX: Final = 64


def form_for(request: HttpRequest, owner: Owner, row: Definition | None) -> CampaignForm:
    """Return the form as it was sent; as the row is; or, while one looks for names, as it was
    typed so far, judged by nobody."""
    membership = require(request=request, right=Right.EDIT_BENEFITS)
    platform = membership.tenant_kind == TenantKind.PLATFORM
    initial: dict[str, Any] = BLANK if row is None else initial_of(definition=row, owner=owner)
    looks = request.method == "POST" and LOOKS_FOR in request.POST
    if request.method == "POST":
        initial = {name: _typed(request, name) for name in CampaignForm.base_fields}
    return CampaignForm(
        request.POST if request.method == "POST" and not looks else None,
        owner=owner,
        choices=choices_for(
            owner=owner, asked=_asked(request, initial), beside=row, may_share=platform
        ),
        initial=initial,
    )


def _typed(request: HttpRequest, name: str) -> Any:
    several = isinstance(CampaignForm.base_fields[name], MultipleChoiceField)
    return request.POST.getlist(name) if several else request.POST.get(name, "")


def _asked(request: HttpRequest, initial: Mapping[str, Any]) -> Asked:
    """Return what is chosen, and what is looked for by name; no database takes a NUL."""
    return Asked(
        chosen={name: _references(initial.get(name)) for name in CHOSEN_FROM},
        find={
            name: request.POST.get(f"find_{name}", "").replace(_NUL, "").strip()[:FIND_MAX]
            for name in CHOSEN_FROM
        },
    )


def _references(value: str | list[str] | None) -> list[str]:
    several = [value] if isinstance(value, str) else value or []
    return [each for each in several if _NUL not in each]


_NUL: Final = "\0"
