"""Where a page stands: the issuer of its address, and what the person may do there."""

from typing import cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from config.people.access import SignedInRequest, may
from config.refusals import NotFound
from config.roles import Right
from config.wire import b64
from config.wire.errors import WireError
from issuers import selectors
from issuers.models import Card, Issuer


def issuer_for(request: HttpRequest, reference: str, right: Right) -> Issuer:
    """Return the issuer if the person has ``right`` there; foreign looks like absent (404).

    A page belongs to the tenant the person works for now: what it offers is judged by that role.

    :raises NotFound: it is not the issuer the person works for now
    """
    person = cast("SignedInRequest", request)
    if person.membership is not None and person.membership.tenant not in ("", reference):
        raise NotFound
    return get_object_or_404(selectors.issuers_visible_to(person.user, right), reference=reference)


def card_for(issuer: Issuer, reference: str) -> Card:
    """Return the issuer's card named by ``reference``, the base64url of its token.

    :raises NotFound: no such card, or another issuer's
    """
    try:
        token = b64.decode(reference)
    except WireError:
        raise NotFound from None
    rows = Card.objects.filter(issuer=issuer).select_related("issuer", "programme", "account")
    return get_object_or_404(rows, token=token)


def offers(request: HttpRequest, right: Right) -> bool:
    """Return whether the page shows what needs ``right``, so that no button leads to a 403."""
    return may(membership=cast("SignedInRequest", request).membership, right=right)
