"""Where a page stands: the sponsor of its address, and what the person may do there."""

from typing import cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from benefits.models import Definition
from benefits.selectors import campaigns
from benefits.selectors.campaigns import Owner
from config.people.access import SignedInRequest, may
from config.refusals import NotFound
from config.roles import Right


def owner_for(request: HttpRequest, reference: str, right: Right) -> Owner:
    """Return the sponsor if the person has ``right`` there; foreign looks like absent (404).

    A page belongs to the tenant the person works for now: what it offers is judged by that role.

    :raises NotFound: it is not the one the person works for now, or there is none
    """
    person = cast("SignedInRequest", request)
    if person.membership is not None and person.membership.tenant not in ("", reference):
        raise NotFound
    return campaigns.owner_for(
        user=person.user, reference=reference, right=right, time_zone=person.time_zone
    )


def campaign_for(owner: Owner, reference: str) -> Definition:
    """Return a campaign that ``owner`` bears a part of; another's looks like absent (404)."""
    return get_object_or_404(campaigns.campaigns_of(owner=owner.reference), reference=reference)


def led_by(owner: Owner, definition: Definition) -> bool:
    """Return whether the campaign is ``owner``'s to change: it bears most of it."""
    return bool(getattr(definition, "leader", None) == owner.reference)


def offers(request: HttpRequest, right: Right) -> bool:
    """Return whether the page shows what needs ``right``, so that no button leads to a 403."""
    return may(membership=cast("SignedInRequest", request).membership, right=right)
