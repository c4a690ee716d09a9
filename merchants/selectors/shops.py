"""What a person may see of merchants, stores, devices and keys."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from config.people.access import tenants_with
from config.refusals import NotFound
from config.roles import Right
from merchants.models import ApiKey, Equipment, Merchant, Store


def merchants_visible_to(
    user: AbstractBaseUser | AnonymousUser, right: Right = Right.SEE_PAYMENTS
) -> QuerySet[Merchant]:
    """Return the merchants at which ``user`` has ``right``."""
    tenants = tenants_with(user=user, right=right)
    rows = Merchant.objects.all()
    return rows if tenants.everything else rows.filter(reference__in=tenants.references)


def stores_visible_to(
    user: AbstractBaseUser | AnonymousUser, right: Right = Right.SEE_PAYMENTS
) -> QuerySet[Store]:
    """Return the stores of the merchants at which ``user`` has ``right``."""
    return Store.objects.filter(merchant__in=merchants_visible_to(user, right))


def equipment_visible_to(
    user: AbstractBaseUser | AnonymousUser, right: Right = Right.SEE_PAYMENTS
) -> QuerySet[Equipment]:
    """Return the devices of the merchants at which ``user`` has ``right``."""
    return Equipment.objects.filter(merchant__in=merchants_visible_to(user, right)).select_related(
        "device", "store", "merchant"
    )


def api_keys_visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[ApiKey]:
    """Return the API keys of the merchants ``user`` may set up."""
    return ApiKey.objects.filter(merchant__in=merchants_visible_to(user, Right.EDIT_SHOP))


def merchant_named(reference: str) -> Merchant:
    """Return the merchant with that reference.

    :raises NotFound: there is none
    """
    merchant = Merchant.objects.filter(reference=reference).first()
    if merchant is None:
        raise NotFound(f"No merchant {reference}.")
    return merchant
