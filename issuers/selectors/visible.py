"""What a person may see of issuers, by the rights of the person's live memberships."""

from django.db.models import Q, QuerySet

from config.models import User
from config.people.access import tenants_with
from config.roles import Right
from issuers.models import Authorisation, BlacklistEntry, Card, Issuer, Programme


def issuers_visible_to(user: User, right: Right = Right.SEE_CARDS) -> QuerySet[Issuer]:
    """Return the issuers at which ``user`` has ``right``."""
    return Issuer.objects.filter(_at_tenants(user, right, "reference"))


def programmes_visible_to(user: User, right: Right = Right.SEE_CARDS) -> QuerySet[Programme]:
    """Return the programmes of the issuers at which ``user`` has ``right``."""
    rows = Programme.objects.filter(_at_tenants(user, right, "issuer__reference"))
    return rows.select_related("issuer")


def cards_visible_to(user: User, right: Right = Right.SEE_CARDS) -> QuerySet[Card]:
    """Return the cards of the issuers at which ``user`` has ``right``."""
    rows = Card.objects.filter(_at_tenants(user, right, "issuer__reference"))
    return rows.select_related("issuer", "programme", "account")


def authorisations_visible_to(
    user: User, right: Right = Right.SEE_CARDS
) -> QuerySet[Authorisation]:
    """Return the decisions over the cards of the issuers at which ``user`` has ``right``."""
    rows = Authorisation.objects.filter(_at_tenants(user, right, "card__issuer__reference"))
    return rows.select_related("card")


def blacklist_visible_to(
    user: User, right: Right = Right.SEE_BLACKLIST
) -> QuerySet[BlacklistEntry]:
    """Return the entries, open and lifted, of the issuers at which ``user`` has ``right``."""
    rows = BlacklistEntry.objects.filter(_at_tenants(user, right, "issuer__reference"))
    return rows.select_related("issuer", "card__programme", "card__account")


def _at_tenants(user: User, right: Right, field: str) -> Q:
    tenants = tenants_with(user=user, right=right)
    return Q() if tenants.everything else Q(**{f"{field}__in": tenants.references})
